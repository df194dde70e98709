"""A small question, and a fan-out over it against a server of the test's own."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import Field

from include.answer.structured_output import QuotedSentence, StrictAnswer
from include.lake.paths import open_lake
from include.limits.run_limits import RunLimits
from include.limits.store import MemoryStore
from include.llm.answerer import open_answerer
from include.llm.chain import Chain, Text
from include.llm.endpoint import Endpoint
from include.llm.flex import FlexPatience
from include.llm.job import Job
from include.llm.ledger import LedgerEntry, LedgerWriter, read_ledger
from include.llm.prices import Price
from include.llm.prompt import Prompt
from include.llm.providers.dialect import Dialect, first_dialect
from include.llm.request import Question
from include.privacy.policy import RedactionPolicy
from tests.fault_server.running import FaultServer
from tests.llm.speaking import Speaker

PRICE = Price(input_usd=1.0, cached_input_usd=0.5, output_usd=2.0, as_of="2026-11-23")
AT_FLEX = Price(input_usd=0.5, cached_input_usd=0.25, output_usd=1.0, as_of="2026-11-23")


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


def question_for(
    server: FaultServer | Speaker, max_output_tokens: int = 100, dialect: Dialect | None = None
) -> Question:
    """The question, asked at a test server."""
    dialect = dialect or first_dialect("test-model", server.base_url)
    return Question(dialect, "test-model", PROMPT, Answer, max_output_tokens)


def answer_texts(
    server: FaultServer | Speaker,
    folder: Path,
    texts: Sequence[str],
    *,
    in_flight: int = 8,
    timeout_seconds: float = 5.0,
    budget_usd: float = 1_000.0,
    outage_seconds: float = 20.0,
    ledger_clock: Callable[[], float] = time.monotonic,
    dialect: Dialect | None = None,
    flex: FlexPatience | None = None,
    store: MemoryStore | None = None,
) -> dict[str, LedgerEntry]:
    """Answer texts and read the ledger back: text to entry. Waits between retries are cut to a hundredth."""
    question, lake = question_for(server, dialect=dialect), open_lake(str(folder))

    async def hurried(seconds: float) -> None:
        await asyncio.sleep(seconds / 100)

    async def run() -> None:
        endpoint = Endpoint(server.base_url, "key", is_demo=False, in_flight=in_flight, timeout_seconds=timeout_seconds)
        limits = RunLimits(None, None, budget_usd)
        mode, price = ("online", PRICE) if flex is None else ("flex", replace(PRICE, tiers={"flex": AT_FLEX}))
        job = Job("test", len(texts), f"{lake.root}/progress.json", price, RedactionPolicy(), mode, flex=flex)
        ledger = LedgerWriter(lake, f"{lake.root}/ledger", clock=ledger_clock)
        async with open_answerer(
            Chain(question), endpoint, limits, job, store or MemoryStore(), lambda: 1, outage_seconds, hurried
        ) as answerer:
            await answerer.answer([Text(question.key(text), text) for text in texts], ledger)

    asyncio.run(run())
    return ledger_by_text(server, folder, texts, dialect)


def ledger_by_text(
    server: FaultServer | Speaker, folder: Path, texts: Sequence[str], dialect: Dialect | None = None
) -> dict[str, LedgerEntry]:
    """The ledger below a folder, by text."""
    lake, question = open_lake(str(folder)), question_for(server, dialect=dialect)
    entries = read_ledger(lake, f"{lake.root}/ledger")
    return {text: entries[question.key(text)] for text in texts if question.key(text) in entries}
