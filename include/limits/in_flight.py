"""The calls of one worker that are on their way: how long they take in company, and whose fault it is if one fails."""

from dataclasses import dataclass

from include.limits.crowd import EASY, FIRST_IN_FLIGHT, LESS, MORE, Crowd, Seen, longest_wait

# The mean wait is one of about so many answers, and says nothing before there are so many.
LAST_ANSWERS, FIRST_ANSWERS = 8, 3
# A call that was at the head of the queue for nearly all of its time, or for half of it and longer than others take,
# has had the server for itself.
NEARLY_ALL, HALF, LONGER_THAN_OTHERS = 0.9, 0.5, 1.5
_A_MOMENT = 1e-6
# Of the callers' patience, a mean wait from which people are told of the crowd.
TOLD = 0.125
# Of its time, what a call was at the head that came back together with the one before it.
TOGETHER = 0.01


@dataclass(slots=True)
class Permit:
    """Leave to send one request.

    Args:
        tokens: what it was estimated at.
        number: of the call, among those of this worker.
        is_canary: the circuit breaker resets or stays tripped by what becomes of it.
    """

    tokens: int
    number: int
    is_canary: bool = False


class InFlight:
    """Calls are known by their numbers, in the order in which they are sent.

    Args:
        patience_seconds: after so long a caller gives up.

    Attributes:
        room: calls that may be in flight together.
    """

    def __init__(self, patience_seconds: float) -> None:
        self._patience = patience_seconds
        # By number: when it was sent, and how many were in flight then, itself included.
        self._calls: dict[int, tuple[float, int]] = {}
        self.room = FIRST_IN_FLIGHT
        self._crowd, self._part = Crowd(), 1.0
        self._longest = longest_wait(patience_seconds, 0.0)
        self._head_since = self._mean = self._head_mean = 0.0
        self._answers = self._youngest_answered = 0
        # What is to be told.
        self._more = self._fit = self._alone = 0.0
        self._overdue_sent: float | None = None
        self._fewer = 1.0

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def has_room(self) -> bool:
        """Whether one more may go."""
        return len(self._calls) < int(self.room)

    @property
    def at_a_time(self) -> int | None:
        """So many calls the server seems to answer at a time, where it cannot take more; None where it can."""
        if self.has_room or self._mean < TOLD * self._patience or not self._head_mean:
            return None
        # Both are too long for others' calls: of other workers, or while the server was just starting.
        seconds = min(self._head_mean, self._crowd.alone_seconds or self._head_mean)
        return max(round(int(self._crowd.allowed) * seconds / self._mean), 1)

    def sent(self, number: int, now: float) -> None:
        """A call goes."""
        self._calls[number] = now, len(self._calls) + 1

    def returned(self, number: int, now: float) -> tuple[float, int, float]:
        """A call came back in whatever way.

        Returns:
            (seconds that it took; how many were in flight when it was sent; for how long all before it were back).
        """
        is_head = next(iter(self._calls)) == number
        sent, company = self._calls.pop(number)
        at_head = now - max(sent, self._head_since) if is_head else 0.0
        if is_head:
            self._head_since = now
        return now - sent, company, at_head

    def answered(self, number: int, now: float) -> None:
        """A call came back with an answer."""
        seconds, company, at_head = self.returned(number, now)
        self._youngest_answered = max(self._youngest_answered, number)
        self._answers += 1
        self._mean += (seconds - self._mean) / min(self._answers, LAST_ANSWERS)
        # With one slot the time at the head is that of the answer; with several that end together, the first one's.
        if at_head > TOGETHER * seconds:
            before = self._head_mean or at_head
            self._head_mean = before + (at_head - before) / LAST_ANSWERS
        if company == 1 and self._part == 1.0:
            self._alone = seconds
        step = min(max(self._longest / max(seconds, _A_MOMENT) - 1.0, -LESS), MORE)
        # Who does not use his room learns nothing of more.
        if self.room and (step < 0 or 2 * company >= self.room):
            self._more += step
            self.room = max(self.room + step, 1.0)
        if self._answers >= FIRST_ANSWERS:
            self._fit = self._longest / max(self._mean, _A_MOMENT)
            self.room = max(self.room, self._part * self._fit)

    def failed(self, number: int, now: float) -> bool:
        """A call came back without an answer.

        Returns:
            Whether it was overdue with all others, so that it is nobody's fault: it waited for long, none that was
            sent after it was answered, and it did not have the server for itself.
        """
        seconds, company, at_head = self.returned(number, now)
        if seconds < EASY * self._patience or number < self._youngest_answered:
            return False
        is_long = at_head >= HALF * self._patience and at_head >= LONGER_THAN_OTHERS * self._crowd.alone_seconds
        if at_head >= NEARLY_ALL * self._patience or (is_long and self._crowd.alone_seconds):
            return False
        sent = now - seconds
        fewer = company * min(self._longest / self._patience, HALF)
        if self.room:
            self.room = max(min(self.room, fewer), 1.0)
            self._fewer = fewer / self._part
        self._overdue_sent = max(self._overdue_sent or sent, sent)
        # What was quick before says nothing any more.
        self._answers, self._mean, self._fit = 0, 0.0, 0.0
        return True

    def unreported(self, now: float) -> Seen:
        """What there is to tell since this was asked last."""
        overdue = None if self._overdue_sent is None else now - self._overdue_sent
        seen = Seen(self._more, self._fit, self._alone, overdue, self._fewer)
        self._more = self._fit = self._alone = 0.0
        self._overdue_sent = None
        return seen

    def take_in(self, crowd: Crowd, share: int) -> None:
        """What all workers know by now, and how many calls this one may have."""
        self._crowd, self.room = crowd, float(share)
        self._part = share / int(crowd.allowed)
        self._longest = longest_wait(self._patience, crowd.alone_seconds)
