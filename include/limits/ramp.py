"""How many requests may be on their way while nobody knows the limit."""

# A worker begins with so many requests at once, and adds one for so many answers: when a limit is met, few are on their
# way. Reno's slow start would double each round trip, and meet it with hundreds.
FIRST_IN_FLIGHT, ANSWERS_PER_MORE = 8, 10


class Ramp:
    """A limit that nobody has told us is felt for, and kept to by what the responses say is left of it.

    Attributes:
        remaining: requests that the last response leaves to all workers; None: it does not say.
    """

    def __init__(self) -> None:
        self._answers = 0
        self.remaining: int | None = None

    def answered(self, remaining: int | None) -> None:
        """A request came back with an answer."""
        self._answers += 1
        self.remaining = remaining

    def has_room(self, in_flight: int, workers: int) -> bool:
        """Whether one more may go.

        Args:
            in_flight: requests of this worker that are on their way.
            workers: that share what remains.
        """
        most = FIRST_IN_FLIGHT + self._answers // ANSWERS_PER_MORE
        if self.remaining is not None:
            most = min(most, max(self.remaining // workers, 1))
        return in_flight < most
