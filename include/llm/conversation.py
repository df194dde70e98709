"""From one text to one validated answer: ask, check, ask again, read long texts in two steps."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from include.answer.structured_output import parse_answer
from include.errors import Quarantine
from include.lake.effort import NOTHING_USED, Usage
from include.llm.client import content_of
from include.llm.dialect import Dialect
from include.llm.ledger import LedgerEntry
from include.llm.prices import Price
from include.llm.provider_errors import Refused, Unusable
from include.llm.request import Prepared, Question
from include.llm.retry import CallCounts, Caller
from include.llm.token_count import token_counter

# A model that fails twice after being told why rarely succeeds at the third try, and each try is paid.
MAX_REASKS = 2
# Of a wrong answer that is shown to the model again.
MAX_SHOWN_CHARACTERS = 4_000
# What asking the model once more does not mend.
_FINAL = frozenset(
    {"refused", "content_filter", "server_error", "timeout", "unreachable", "broken_connection", "rate_limited"}
)


@dataclass(frozen=True, slots=True)
class Text:
    """One text to be answered, under its answer key, and what the prompt shows above it."""

    key: str
    text: str
    above: str = ""

    @property
    def characters(self) -> int:
        """Of both."""
        return len(self.above) + len(self.text)


@dataclass
class Spending:
    """What a record has taken so far, over all its steps, attempts and re-asks; updated in place.

    Args:
        price: of the model; None: unknown, and so is the cost.
        service_tier: of the last answer.
        last_step: of a text that takes several: what is in no entry of the ledger when the step fails.
        account: gets what was paid on the way for nothing; None: it counts as `usage`.
    """

    price: Price | None = None
    usage: Usage = NOTHING_USED
    cost_usd: float = 0.0
    attempts: int = 0
    latency_ms: int = 0
    counts: CallCounts = field(default_factory=CallCounts)
    service_tier: str | None = None
    last_step: "Spending | None" = None
    account: Callable[[Usage], None] | None = None

    def waste(self, usage: Usage) -> None:
        """Count what was paid for nothing."""
        if self.account is None:
            self.pay(usage, self.service_tier)
        else:
            self.account(usage)

    def pay(self, usage: Usage, service_tier: str | None) -> None:
        """Count one answer: its length and its tier decide the price of its tokens."""
        self.usage += usage
        self.service_tier = service_tier
        if self.price is not None:
            self.cost_usd += self.price.cost_usd(usage, service_tier)

    def add(self, usage: Usage, cost_usd: float, attempts: int, latency_ms: int, counts: CallCounts) -> None:
        """Count what a step took."""
        self.usage += usage
        self.cost_usd += cost_usd
        self.attempts += attempts
        self.latency_ms += latency_ms
        self.counts.requests += counts.requests
        self.counts.retries += counts.retries
        self.counts.rate_limited += counts.rate_limited


async def ask_question(
    caller: Caller, question: Question, text: str, effort: Spending, above: str = ""
) -> dict[str, Any]:
    """Ask until the answer fits the schema, at most `MAX_REASKS` times more, telling the model what was wrong.

    Returns:
        The answer as it is stored.

    Raises:
        Quarantine: `truncated`, `refused`, `content_filter`, or the reasons of `parse_answer`, of `Caller.ask`, and of
            `Refused` and `Unusable` where others are answered.
        RetryLater, StopRun: see `Caller.ask`, and `Refused` and `Unusable` where nobody is answered.
    """
    question = caller.spelt(question)
    prepared = question.prepare(text, above)
    tokens = caller.charge(question, prepared.prompt_tokens)
    # Whoever was asked before the first trouble may have been answered before it too, and proves nothing.
    failed_at: float | None = None
    corrections: list[dict[str, str]] = []
    longer = is_repeat = False
    asked: defaultdict[str, int] = defaultdict(int)
    while True:
        effort.attempts += not is_repeat
        try:
            content = await _ask_once(caller, question, prepared, tokens, corrections, longer, effort)
            return parse_answer(question.answer, content, prepared.sentences)
        except Refused as problem:
            respelt = caller.respell(question, problem)
            if respelt is not None:
                question, is_repeat = respelt, True
                continue
            await caller.stop_if_everybodys(caller.now(), effort.counts, effort.waste)
            raise
        except Unusable as problem:
            effort.waste(problem.usage)
            failed_at = caller.now() if failed_at is None else failed_at
            asked[problem.kind] += 1
            if asked[problem.kind] > MAX_REASKS:
                await caller.stop_if_everybodys(failed_at, effort.counts, effort.waste)
                raise Quarantine(problem.kind, problem.message, problem.raw_output) from problem
            is_repeat = problem.is_damage
            if is_repeat:
                await caller.rest(asked[problem.kind])
            else:
                longer, corrections = False, [_user(f"{problem.message}. Answer again for the record above.")]
        except Quarantine as problem:
            asked["answers"] += 1
            if problem.error_type in _FINAL or asked["answers"] > MAX_REASKS:
                raise
            longer, is_repeat = problem.error_type == "truncated", False
            corrections = _corrections(problem)


async def _ask_once(
    caller: Caller,
    question: Question,
    prepared: Prepared,
    tokens: int,
    corrections: Sequence[dict[str, str]],
    longer: bool,
    effort: Spending,
) -> str:
    asked_at = caller.now()
    completion = await caller.ask(question.body(prepared, corrections, longer), tokens, effort.counts)
    usage = completion.usage
    if not usage.prompt_tokens:
        # The provider does not say; a budget that counted nothing would never be reached.
        usage = Usage(prepared.prompt_tokens, 0, token_counter(question.model).count(completion.content or ""))
    effort.latency_ms += completion.latency_ms
    caller.learn(question, usage.completion_tokens)
    try:
        return content_of(completion)
    except Unusable as nothing:
        nothing.usage, usage = usage, Usage()
        asked_at = float("-inf")
        raise
    finally:
        effort.pay(usage, completion.service_tier)
        caller.witness.answered(asked_at)


def _user(content: str) -> dict[str, str]:
    return {"role": "user", "content": content}


def _corrections(problem: Quarantine) -> list[dict[str, str]]:
    if problem.error_type == "truncated":
        return [_user("Your last answer was too long. Answer for the record above, briefly.")]
    # What is far too long would be paid for once more as a part of the next prompt.
    is_shown = problem.raw_output is not None and 0 < len(problem.raw_output) <= MAX_SHOWN_CHARACTERS
    said = [{"role": "assistant", "content": problem.raw_output or ""}] if is_shown else []
    return [*said, _user(f"{problem.message} Answer again for the record above.")]


Remember = Callable[[str, dict[str, Any], Spending], None]


@dataclass(frozen=True)
class Chain:
    """How a pipeline answers a text: in one step, or for long texts in two (notes per chunk, then the answer).

    Args:
        question: gives the answer.
        notes: gives the notes of one chunk; None: texts are never cut.
        chunk_characters: longer texts are cut.
    """

    question: Question
    notes: Question | None = None
    chunk_characters: int = 0

    def in_dialect(self, dialect: Dialect) -> "Chain":
        """The same chain, asked as its model wants to be."""
        notes = self.notes and replace(self.notes, dialect=dialect)
        return replace(self, question=replace(self.question, dialect=dialect), notes=notes)

    def key(self, text: str, above: str = "") -> str:
        """Answer key of a whole text; for a cut one it covers the notes' question too."""
        if not self._is_long(text):
            return self.question.key(text, above)
        assert self.notes is not None
        return self.question.key(f"{self.notes.identity} {self.chunk_characters}\n{text}", above)

    def chunks(self, text: str) -> list[str]:
        """The parts of which notes are taken before the answer; none of a text that is read in one step."""
        return split_chunks(text, self.chunk_characters) if self._is_long(text) else []

    def step_keys(self, text: str) -> list[str]:
        """Keys of the notes that a text needs before its answer."""
        return [self.notes.key(chunk) for chunk in self.chunks(text)] if self.notes else []

    def about(self, text: str, attributes: Mapping[str, Any]) -> Text:
        """What is asked about one record.

        Args:
            text, attributes: of the record, redacted; the attributes by name without `attr_`.
        """
        above = self.question.prompt.above(text, attributes)
        return Text(self.key(text, above), text, above)

    def estimate_prompt_tokens(self, text: Text) -> int:
        """About how many prompt tokens all steps take together, the schemas included, for they are paid for."""
        chunks = self.chunks(text.text)
        prepared = self.question.prepare("" if chunks else text.text, text.above)
        tokens = prepared.prompt_tokens + self.question.schema_tokens
        if self.notes is not None:
            tokens += len(chunks) * (self.notes.max_output_tokens + self.notes.schema_tokens)
            tokens += sum(self.notes.prepare(chunk).prompt_tokens for chunk in chunks)
        return tokens

    def constant_tokens(self, text: str) -> int:
        """How many of these are the same for all texts: instructions, examples and schemas."""
        tokens = self.question.constant_tokens + self.question.schema_tokens
        if self.notes is not None:
            tokens += len(self.chunks(text)) * (self.notes.constant_tokens + self.notes.schema_tokens)
        return tokens

    async def answer(
        self, caller: Caller, text: Text, effort: Spending, remember: Remember, known: Mapping[str, LedgerEntry]
    ) -> dict[str, Any]:
        """Answer a text. What stands above a long one stands above its notes.

        Args:
            effort: updated in place, also when this raises.
            remember: called with the key, the notes and the effort of each chunk as soon as they are paid for.
            known: notes that an earlier attempt paid for, by key.

        Raises:
            as `ask_question`.
        """
        if not self._is_long(text.text):
            return await ask_question(caller, self.question, text.text, effort, text.above)
        notes = [await self._notes_of(caller, chunk, effort, remember, known) for chunk in self.chunks(text.text)]
        answer, _ = await _ask_step(caller, self.question, text_of_notes(notes), effort, text.above)
        return answer

    async def _notes_of(
        self, caller: Caller, chunk: str, effort: Spending, remember: Remember, known: Mapping[str, LedgerEntry]
    ) -> dict[str, Any]:
        assert self.notes is not None
        key = self.notes.key(chunk)
        entry = known.get(key)
        if entry is not None and entry.answer is not None:
            took = entry.effort
            counts = CallCounts(took.requests, took.retries, took.rate_limited)
            effort.add(took.usage, took.cost_usd or 0.0, took.attempts, took.latency_ms, counts)
            return entry.answer
        notes, spent = await _ask_step(caller, self.notes, chunk, effort)
        remember(key, notes, spent)
        return notes

    def _is_long(self, text: str) -> bool:
        return self.notes is not None and len(text) > self.chunk_characters


async def _ask_step(
    caller: Caller, question: Question, text: str, effort: Spending, above: str = ""
) -> tuple[dict[str, Any], Spending]:
    effort.last_step = spent = Spending(effort.price, account=effort.account)
    try:
        return await ask_question(caller, question, text, spent, above), spent
    finally:
        effort.add(spent.usage, spent.cost_usd, spent.attempts, spent.latency_ms, spent.counts)
        effort.service_tier = spent.service_tier


def split_chunks(text: str, chunk_characters: int) -> list[str]:
    """Cut a text into chunks, at line ends where there are any, else at spaces, else anywhere."""
    chunks = []
    while len(text) > chunk_characters:
        window = text[:chunk_characters]
        cut = max(window.rfind("\n"), 0) or max(window.rfind(" "), 0) or chunk_characters
        chunks.append(text[:cut].strip())
        text = text[cut:].strip()
    return [chunk for chunk in [*chunks, text] if chunk]


def text_of_notes(notes: Sequence[dict[str, Any]]) -> str:
    """The notes of all chunks as the text that the answer is asked about."""
    return "\n".join(f"Part {number}:\n{_as_lines(part)}" for number, part in enumerate(notes, 1))


def _as_lines(notes: dict[str, Any]) -> str:
    lines: list[str] = []
    for name, value in notes.items():
        if isinstance(value, list):
            lines.extend(f"- {element}" for element in value)
        else:
            lines.append(f"{name}: {value}")
    return "\n".join(lines)
