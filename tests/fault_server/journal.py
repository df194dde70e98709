"""What happened at the server: every request, and counters."""

import time
from collections import Counter, deque
from dataclasses import dataclass, field, fields
from typing import Any

# Enough for the largest benchmark; older requests are forgotten, the counters are not.
MOST_ENTRIES = 200_000


@dataclass(slots=True)
class Entry:
    """One request.

    Args:
        number: from 1, over all chat requests since the plan was set; 0 for other requests.
        at: Unix time at which it was complete, seconds.
        path: such as `/v1/chat/completions`.
        authorized: whether it carried the right key, or none was asked for.
        accept_encoding: as sent.
        body_hash: of the bytes of the body.
        in_flight: requests that were not answered yet, this one included.
        model, key, text_key: see `ChatRequest`; empty when the request was refused before.
        attempt: how many times its text was asked about, from 1.
        status: of the reply; 0 when none was to be sent.
        fault: name of the fault.
        outcome: `sent`, `cut` (damaged on purpose), `abandoned` (the client went away), `open`.
        good: whether the client has to accept the answer.
        seconds: from the complete request to the end of the reply.
        prompt_tokens, cached_tokens, completion_tokens: what the answer cost.
        body: of the request, if the plan keeps bodies.
    """

    number: int
    at: float
    path: str
    authorized: bool
    accept_encoding: str
    body_hash: str
    in_flight: int
    model: str = ""
    key: str = ""
    text_key: str = ""
    attempt: int = 0
    status: int = 0
    fault: str | None = None
    outcome: str = "open"
    good: bool = False
    seconds: float = 0.0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    body: str | None = None


@dataclass
class Counters:
    """Sums over all requests since the plan was set.

    Args:
        requests: chat requests that arrived.
        answered_ok: valid answers that were sent whole.
        rejected: 429s of the plan's limits.
        abandoned: requests whose client went away before the end of the reply.
        connections: TCP connections that were opened.
        in_flight, max_in_flight: requests that were not answered yet: now, and at most.
        by_status: replies by HTTP status; 0: none was to be sent.
        by_fault: replies by fault.
        calls_per_key: requests by hash of model and messages.
        calls_per_text: requests by hash of model and text; a re-ask counts here too.
        prompt_tokens, cached_tokens, completion_tokens: what all answers cost, good or not.
    """

    requests: int = 0
    answered_ok: int = 0
    rejected: int = 0
    abandoned: int = 0
    connections: int = 0
    in_flight: int = 0
    max_in_flight: int = 0
    by_status: Counter[int] = field(default_factory=Counter)
    by_fault: Counter[str] = field(default_factory=Counter)
    calls_per_key: Counter[str] = field(default_factory=Counter)
    calls_per_text: Counter[str] = field(default_factory=Counter)
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        """Prompt and completion tokens together."""
        return self.prompt_tokens + self.completion_tokens


_ENTRY = tuple(item.name for item in fields(Entry))
_COUNTERS = tuple(item.name for item in fields(Counters))


@dataclass
class Log:
    """Counters and requests, oldest first."""

    counters: Counters = field(default_factory=Counters)
    requests: list[Entry] = field(default_factory=list)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Log":
        """The inverse of `Journal.as_json`."""
        counters = dict(value["counters"])
        for name in ("by_fault", "calls_per_key", "calls_per_text"):
            counters[name] = Counter(counters[name])
        counters["by_status"] = Counter({int(status): count for status, count in counters["by_status"].items()})
        return cls(
            Counters(**{name: counters[name] for name in _COUNTERS}),
            [Entry(**entry) for entry in value["requests"]],
        )


class Journal:
    """Collects a server's log."""

    def __init__(self) -> None:
        self.counters = Counters()
        self._entries: deque[Entry] = deque(maxlen=MOST_ENTRIES)

    def begin(self, entry: Entry) -> None:
        """A request is complete, and its reply is decided."""
        self._entries.append(entry)
        counters = self.counters
        counters.prompt_tokens += entry.prompt_tokens
        counters.cached_tokens += entry.cached_tokens
        counters.completion_tokens += entry.completion_tokens
        if entry.fault is not None:
            counters.by_fault[entry.fault] += 1

    def end(self, entry: Entry, outcome: str) -> None:
        """A request is answered, cut off or given up."""
        entry.outcome = outcome
        entry.seconds = time.time() - entry.at
        counters = self.counters
        counters.in_flight -= entry.number > 0
        counters.by_status[entry.status] += 1
        counters.abandoned += outcome == "abandoned"
        counters.answered_ok += entry.good and outcome == "sent"

    def as_json(self, *, with_requests: bool) -> dict[str, Any]:
        """Everything as plain values; `total_tokens` is added for people."""
        # Not `asdict`: it counts the pairs of a Counter instead of copying it, and it is slow.
        counters = {name: getattr(self.counters, name) for name in _COUNTERS}
        counters["by_status"] = {str(status): count for status, count in self.counters.by_status.items()}
        counters["total_tokens"] = self.counters.total_tokens
        requests = [{name: getattr(entry, name) for name in _ENTRY} for entry in self._entries if with_requests]
        return {"counters": counters, "requests": requests}
