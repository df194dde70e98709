"""Which rule of the plan applies to a call."""

import hashlib
import re
import time
from collections import Counter
from collections.abc import Callable

from tests.fault_server import fast_json
from tests.fault_server.answers import answer_reply, default_content
from tests.fault_server.catalogue import find
from tests.fault_server.chat_request import ChatRequest
from tests.fault_server.plan import Plan, Rule
from tests.fault_server.reply import Reply

_MARKER = re.compile(r"FAULT:([a-z0-9_]+)(:once)?")


class Script:
    """A plan in progress.

    Args:
        plan: what to do.
        clock: seconds, for rules with a span of time.
    """

    def __init__(self, plan: Plan, clock: Callable[[], float] = time.monotonic) -> None:
        self._plan, self._clock = plan, clock
        self._started = clock()
        self._applied: Counter[tuple[int, str]] = Counter()

    def reply(self, chat: ChatRequest, call: int, attempt: int) -> tuple[Reply, str | None]:
        """The reply to a call, and the name of the fault in it, if any.

        Args:
            chat: the question.
            call: number of the call, from 1.
            attempt: how many times this text was asked about, from 1.

        Raises:
            ValueError: the question cannot be answered as the plan or the text says.
        """
        for number, rule in enumerate(self._plan.rules):
            if self._holds(number, rule, chat, call, attempt):
                self._applied[number, chat.text_key] += rule.times is not None
                return _apply(rule, chat)
        marked = self._marked(chat, attempt)
        if marked is not None and find(marked).concerns(chat):
            return find(marked).reply(chat, {}), marked
        return answer_reply(chat, default_content(chat)), None

    def _holds(self, number: int, rule: Rule, chat: ChatRequest, call: int, attempt: int) -> bool:
        if rule.marker is not None and rule.marker not in chat.text:
            return False
        if rule.fault is not None and not find(rule.fault).concerns(chat):
            return False
        if rule.calls is not None and not rule.calls[0] <= call <= rule.calls[1]:
            return False
        if rule.seconds is not None and not rule.seconds[0] <= self._clock() - self._started < rule.seconds[1]:
            return False
        if rule.times is not None and self._applied[number, chat.text_key] >= rule.times:
            return False
        return rule.probability is None or rule.probability > self._lot(f"{number} {chat.text_key} {attempt}")

    def _lot(self, draw: str) -> float:
        # A function of the call instead of a stream of numbers: the order in which calls arrive changes nothing.
        digest = hashlib.blake2b(f"{self._plan.seed} {draw}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2**64

    def latency_seconds(self, chat: ChatRequest, attempt: int) -> float:
        """How long the valid answer to this call takes."""
        latency = self._plan.latency_seconds
        if not isinstance(latency, tuple):
            return latency
        return latency[0] + (latency[1] - latency[0]) * self._lot(f"latency {chat.text_key} {attempt}")

    def _marked(self, chat: ChatRequest, attempt: int) -> str | None:
        if not self._plan.markers or "FAULT:" not in chat.text:
            return None
        found = _MARKER.search(chat.text)
        return None if found is None or (found[2] and attempt > 1) else found[1]


def _apply(rule: Rule, chat: ChatRequest) -> tuple[Reply, str | None]:
    if rule.fault is not None:
        return find(rule.fault).reply(chat, rule.settings), rule.fault
    content = rule.answer if isinstance(rule.answer, str) else fast_json.dumps(rule.answer).decode()
    return answer_reply(chat, content), None
