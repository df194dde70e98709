"""The conversation about one text, without I/O: what to send next, and whether what came back is good.

conversation = Conversation(terms, text)
while (body := conversation.body()) is not None:
    conversation.take(await send(body), at=clock())     # a client of HTTP, of batch files, a test
ledger.append(conversation.outcome())
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from include.answer.structured_output import parse_answer
from include.answer.unwrap import one_level_down, unwrap
from include.errors import Quarantine
from include.lake.effort import NO_EFFORT, NOTHING_USED, UNKNOWN_SERVICE, Effort, Service, Usage
from include.llm.call_meter import CallCounts
from include.llm.chain import Chain, Text, text_of_notes
from include.llm.completion import Completion, content_of, refuse_repetition
from include.llm.learned import MAX_FORM_REFUSALS, Learned
from include.llm.ledger import LedgerEntry
from include.llm.prices import Price, cost_usd
from include.llm.providers.provider_errors import DEGENERATE, Refused, Unusable
from include.llm.request import Question
from include.llm.setbacks import MAX_ATTEMPTS
from include.llm.token_count import token_counter
from include.privacy.policy import RedactionPolicy
from include.privacy.redact import redact_output

# A model that fails twice after being told why rarely succeeds at the third try, and each try is paid.
MAX_REASKS = 2
# Each answer of a model that is stuck is as long as the cap allows.
MAX_STUCK_REASKS = 1
# Of a wrong answer that is shown to the model again.
MAX_SHOWN_CHARACTERS = 4_000
# What asking the model once more does not mend.
_FINAL = frozenset({"refused", "content_filter"})


@dataclass(frozen=True)
class Terms:
    """What all conversations of a shard share.

    Args:
        chain: how a text is answered.
        learned: of the endpoint; every conversation adds to it.
        price: of the model; None: unknown, and so is the cost.
        service: of all requests, but for the tier that each answer names.
        redaction: what is taken out of raw outputs that are kept.
        known: notes that somebody has paid for, by key.
        unwrapped: how many answers did not stand for themselves, by where they stood; every conversation adds to it.
        now: wall clock.
    """

    chain: Chain
    learned: Learned
    price: Price | None
    service: Service = UNKNOWN_SERVICE
    redaction: RedactionPolicy = field(default_factory=RedactionPolicy)
    known: dict[str, LedgerEntry] = field(default_factory=dict)
    unwrapped: Counter[str] = field(default_factory=Counter)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


class Conversation:
    """One text, until it has its answer or asking on makes no sense.

    A long text takes a step for the notes of each chunk and one for the answer. In each step the model is asked at
    most `MAX_REASKS` times more, and told what was wrong.

    Attributes:
        question, prepared: of the next request.
        calls: of this step; whoever sends counts them, also when nothing comes of them.
        rest_after: how often a damaged answer was paid for, if the next request is the last one again; else 0.
        doubtful_since: set where it ends because the endpoint refuses it, or says nothing of use: the trouble is the
            record's if others are answered to what is asked after this moment, and else everybody's.
        answer, problem: one of them is set at the end.
    """

    def __init__(self, terms: Terms, text: Text) -> None:
        self._terms, self._text = terms, text
        self.question = terms.chain.question
        self._chunks = iter(terms.chain.chunks(text.text))
        self._notes: list[dict[str, Any]] = []
        # Of the steps before this one.
        self._effort, self.rest_after = NO_EFFORT, 0
        self.doubtful_since: float | None = None
        self.answer: dict[str, Any] | None = None
        self.problem: Quarantine | None = None
        self._corrections: list[dict[str, str]] = []
        self._refused_since, self._is_longer = 0.0, False
        self._next_step()

    def body(self) -> bytes | None:
        """JSON of the next request; None at the end."""
        if self.answer is not None or self.problem is not None:
            return None
        return self.question.body(self.prepared, self._corrections, self._is_longer, self._is_warmer)

    def take(self, came: Completion | Unusable | Quarantine, at: float) -> LedgerEntry | None:
        """Take in what came of `body()`.

        Args:
            came: `Refused` and any other `Quarantine` end it, unless the question has another spelling left.
            at: when it came, in seconds; `doubtful_since` goes by the same clock.

        Returns:
            What was paid for on the way and is to be kept at once: notes, or an answer that is none.
        """
        self.rest_after = 0
        if isinstance(came, Completion):
            return self._judge(came, at)
        if isinstance(came, Unusable):
            return self._take_unusable(came, came.usage, came.service_tier, at)
        if isinstance(came, Refused):
            respelt = self._terms.learned.respell(self.question, came)
            if respelt is not None:
                self.question = respelt
                return None
            if self._corrections and "alternate" in came.message:
                # Chat templates such as Gemma's and Mistral's take no two messages of one role in a row.
                self._corrections = []
                return None
            if self._is_longer:
                # No room for twice the cap.
                self._is_longer = False
                return None
            self._times["refused"] += 1
            self._refused_since = at if self._times["refused"] == 1 else self._refused_since
            if self._times["refused"] < MAX_FORM_REFUSALS and self._terms.learned.may_be_one_of_several(came):
                return None
            self.doubtful_since = self._refused_since
        self._give_up(came.error_type, came.message, came.raw_output)
        return None

    def outcome(self) -> LedgerEntry:
        """What the text has ended with, and what all of it took."""
        return self._entry(self._text.key, self._effort + self._step_effort, self.answer, self.problem)

    def write_off(self) -> LedgerEntry:
        """What this step took, for a text that gets no outcome now; notes of the steps before it say what they took."""
        return self._entry(self._text.key, self._step_effort, is_unusable=True)

    def waste(self, usage: Usage, tier: str | None = None) -> LedgerEntry | None:
        """What was paid for nothing, to be kept at once: a kill must not hide it from the budget.

        Args:
            tier: on which it is billed; None: not known.
        """
        if not usage.total:
            return None
        effort = Effort(usage, cost_usd(self._terms.price, usage, tier))
        service = replace(self._terms.service, service_tier=tier)
        return replace(self._entry(self._text.key, effort, is_unusable=True), service=service)

    @property
    def _step_effort(self) -> Effort:
        calls, cost_usd = self.calls, None if self._terms.price is None else 0.0
        counts = calls.requests, calls.retries, calls.rate_limited
        return self._spent + Effort(NOTHING_USED, cost_usd, self._attempts, 0, *counts)

    def _next_step(self) -> None:
        chain = self._terms.chain
        for chunk in self._chunks:
            assert chain.notes is not None
            key = chain.notes.key(chunk)
            known = self._terms.known.get(key)
            if known is None or known.answer is None:
                self._begin(chain.notes, chunk, notes_key=key)
                return
            self._notes.append(known.answer)
            self._effort += replace(known.effort, cost_usd=known.effort.cost_usd or 0.0)
        # What stands above a long text stands above its notes.
        self._begin(chain.question, text_of_notes(self._notes) if self._notes else self._text.text, self._text.above)

    def _begin(self, question: Question, text: str, above: str = "", notes_key: str | None = None) -> None:
        self.question = self._terms.learned.spelt(question)
        self.prepared, self._notes_key = self.question.prepare(text, above), notes_key
        self.calls = CallCounts()
        self._spent, self._attempts = NO_EFFORT, 1
        self._is_longer = self._is_warmer = False
        self._tier: str | None = None
        self._corrections = []
        self._times: defaultdict[str, int] = defaultdict(int)
        self._unusable_since: float | None = None
        self._refused_since = 0.0

    def _judge(self, completion: Completion, at: float) -> LedgerEntry | None:
        question, usage, self._tier = self.question, completion.usage, completion.service_tier
        if not usage.prompt_tokens:
            # The provider does not say; a budget that counted nothing would never be reached.
            said = token_counter(question.model).count(completion.content or "")
            usage = Usage(self.prepared.prompt_tokens, 0, said)
        self._terms.learned.learn(question, usage.completion_tokens)
        took = Effort(usage, cost_usd(self._terms.price, usage, self._tier), latency_ms=completion.latency_ms)
        try:
            answer = self._answer_in(completion)
        except Unusable as nothing:
            self._spent += Effort(latency_ms=completion.latency_ms)
            return self._take_unusable(nothing, usage, self._tier, at, is_cut=completion.finish_reason == "length")
        except Quarantine as problem:
            self._spent += took
            self._take_unfit(problem)
            return None
        self._spent += took
        if self._notes_key is None:
            self.answer = answer
            return None
        return self._take_notes(self._notes_key, answer)

    def _answer_in(self, completion: Completion) -> dict[str, Any]:
        model, content, stood = self.question.answer, content_of(completion), completion.stood
        try:
            answer = parse_answer(model, content, self.prepared.sentences)
        except Quarantine:
            inner = unwrap(content)
            deeper = one_level_down(inner.json if inner else content)
            if deeper is not None:
                with suppress(Quarantine):
                    answer = parse_answer(model, deeper, self.prepared.sentences)
                    self._terms.unwrapped["one level down"] += 1
                    return answer
            if inner is None:
                refuse_repetition(content)
                raise
            answer, stood = parse_answer(model, inner.json, self.prepared.sentences), inner.stood
        if stood is not None:
            self._terms.unwrapped[stood] += 1
        return answer

    def _take_notes(self, key: str, notes: dict[str, Any]) -> LedgerEntry:
        entry = self._entry(key, self._step_effort, notes, is_notes=True, step_of=self._text.key)
        self._notes.append(notes)
        self._effort += entry.effort
        self._next_step()
        return entry

    def _take_unusable(
        self, nothing: Unusable, usage: Usage, tier: str | None, at: float, is_cut: bool = False
    ) -> LedgerEntry | None:
        if self._unusable_since is None:
            # Whoever was asked before the first trouble may have been answered before it too, and proves nothing.
            self._unusable_since = at
        self._times[nothing.kind] += 1
        most = MAX_ATTEMPTS - 1 if nothing.passes else MAX_REASKS
        if self._times[nothing.kind] > (MAX_STUCK_REASKS if nothing.kind == DEGENERATE else most):
            self.doubtful_since = self._unusable_since
            self._give_up(nothing.kind, nothing.message, nothing.raw_output)
        elif nothing.is_damage:
            self.rest_after = self._times[nothing.kind]
        else:
            again = [_user(f"{nothing.message}. Answer again for the record above.")]
            # Empty and cut: thoughts have filled the cap.
            is_stuck = nothing.kind == DEGENERATE
            self._ask_again(again, is_longer=is_cut and not is_stuck, is_warmer=is_stuck)
        return self.waste(usage, tier)

    def _take_unfit(self, problem: Quarantine) -> None:
        self._times["unfit"] += 1
        if problem.error_type in _FINAL or self._times["unfit"] > MAX_REASKS:
            self._give_up(problem.error_type, problem.message, problem.raw_output)
        else:
            self._ask_again(_corrections(problem), is_longer=problem.error_type == "truncated")

    def _ask_again(self, corrections: list[dict[str, str]], is_longer: bool = False, is_warmer: bool = False) -> None:
        self._corrections, self._is_longer, self._is_warmer = corrections, is_longer, is_warmer
        self._attempts += 1

    def _give_up(self, error_type: str, message: str, raw_output: str | None) -> None:
        # A new one, because the traceback of what was raised leads back here.
        self.problem = Quarantine(error_type, message, raw_output)

    def _entry(
        self,
        key: str,
        effort: Effort,
        answer: dict[str, Any] | None = None,
        problem: Quarantine | None = None,
        **marks: Any,
    ) -> LedgerEntry:
        service, raw_output = self._terms.service, problem.raw_output if problem else None
        return LedgerEntry(
            key=key,
            answer=answer,
            effort=effort,
            processed_at=self._terms.now().isoformat(),
            error_type=problem.error_type if problem else None,
            error_message=problem.message if problem else None,
            raw_output=redact_output(raw_output, self._terms.redaction) if raw_output else None,
            service=service if self._tier is None else replace(service, service_tier=self._tier),
            **marks,
        )


def _user(content: str) -> dict[str, str]:
    return {"role": "user", "content": content}


def _corrections(problem: Quarantine) -> list[dict[str, str]]:
    if problem.error_type == "truncated":
        return [_user("Your last answer was too long. Answer for the record above, briefly.")]
    # What is far too long would be paid for once more as a part of the next prompt.
    is_shown = problem.raw_output is not None and 0 < len(problem.raw_output) <= MAX_SHOWN_CHARACTERS
    said = [{"role": "assistant", "content": problem.raw_output or ""}] if is_shown else []
    return [*said, _user(f"{problem.message} Answer again for the record above.")]
