"""A small question, and a fan-out over it against a server of the test's own."""

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from include.answer.structured_output import QuotedSentence, StrictAnswer
from include.lake.paths import Lake, open_lake
from include.limits.budget import RunBudget
from include.limits.limiter import Limiter
from include.limits.store import MemoryStore
from include.llm.client import ChatClient
from include.llm.conversation import Chain, Text
from include.llm.dialect import first_dialect
from include.llm.endpoint import Endpoint
from include.llm.ledger import LedgerEntry, LedgerWriter, read_ledger, scan_ledger
from include.llm.online import FanOut
from include.llm.prices import Price
from include.llm.progress import ProgressReporter, ShardProgress
from include.llm.prompt import Prompt
from include.llm.request import Question
from include.llm.retry import Caller
from tests.fault_server.running import FaultServer
from tests.llm.speaking import Speaker

PRICE = Price(input_usd=1.0, cached_input_usd=0.5, output_usd=2.0, as_of="2026-11-23")


class Answer(StrictAnswer):
    """What the tests ask for."""

    mood: Literal["good", "bad"]
    summary: str = Field(max_length=80)
    quote: QuotedSentence


class Notes(StrictAnswer):
    """Notes of a chunk."""

    notes: list[str] = Field(max_length=3)


PROMPT = Prompt(version="v1", system="Say how the customer feels.", examples=(), numbered=True)
NOTES_PROMPT = Prompt(version="v1", system="Take notes.", examples=(), numbered=False)


def question_for(server: FaultServer | Speaker, max_output_tokens: int = 100) -> Question:
    """The question, asked at a test server."""
    return Question(first_dialect("test-model", is_openai=False), "test-model", PROMPT, Answer, max_output_tokens)


def answer_texts(
    server: FaultServer | Speaker,
    folder: Path,
    texts: Sequence[str],
    *,
    in_flight: int = 8,
    timeout_seconds: float = 5.0,
    budget_usd: float | None = None,
    outage_seconds: float = 20.0,
    ledger_clock: Callable[[], float] = time.monotonic,
) -> dict[str, LedgerEntry]:
    """Answer texts and read the ledger back: text to entry. Waits between retries are cut to a hundredth."""
    question = question_for(server)
    lake: Lake = open_lake(str(folder))
    ledger_folder = f"{lake.root}/ledger"
    progress = ShardProgress(shard=0, total=len(texts))

    async def hurried(seconds: float) -> None:
        await asyncio.sleep(seconds / 100)

    class Hasty(Endpoint):
        timeout_seconds = property(lambda _: timeout_seconds)  # type: ignore[assignment]

    async def run() -> None:
        endpoint = Hasty(server.base_url, "key", is_demo=False)
        store = MemoryStore()
        done = {entry.key for entry in scan_ledger(lake, ledger_folder) if not entry.is_unusable}
        with LedgerWriter(lake, ledger_folder, clock=ledger_clock) as ledger:
            async with (
                Limiter(store, "test", None, None, workers=1) as limiter,
                ChatClient(endpoint, in_flight) as client,
            ):
                probe = question.body(question.prepare("OK"))
                fan_out = FanOut(
                    chain=Chain(question),
                    caller=Caller(client, limiter, probe, outage_seconds=outage_seconds, sleep=hurried),
                    ledger=ledger,
                    done=done,
                    notes={},
                    progress=progress,
                    reporter=ProgressReporter(lake, f"{lake.root}/progress.json", progress),
                    price=PRICE,
                    in_flight=in_flight,
                    run_budget=None if budget_usd is None else RunBudget(store, "test", 0, budget_usd, share=1.0),
                )
                await fan_out.run(Text(question.key(text), text) for text in texts)

    asyncio.run(run())
    return ledger_by_text(server, folder, texts)


def ledger_by_text(server: FaultServer | Speaker, folder: Path, texts: Sequence[str]) -> dict[str, LedgerEntry]:
    """The ledger below a folder, by text."""
    lake, question = open_lake(str(folder)), question_for(server)
    entries = read_ledger(lake, f"{lake.root}/ledger")
    return {text: entries[question.key(text)] for text in texts if question.key(text) in entries}
