"""The queue in front of a server that answers a few at a time, as Ollama has it: who goes away is dropped from it."""

from collections.abc import Callable


class Slots:
    """Questions are known by their numbers.

    Args:
        count: questions that are answered at a time.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: dict[int, Callable[[], None]] = {}
        self._served: set[int] = set()

    def enter(self, number: int, begin: Callable[[], None]) -> None:
        """Wait for a slot; `begin` is called when the answer is begun."""
        self._waiting[number] = begin
        self._let_in()

    def leave(self, number: int) -> None:
        """A question is answered, or its client has gone."""
        self._waiting.pop(number, None)
        if number in self._served:
            self._served.remove(number)
            self._free += 1
            self._let_in()

    def _let_in(self) -> None:
        while self._free and self._waiting:
            number = next(iter(self._waiting))
            self._free -= 1
            self._served.add(number)
            self._waiting.pop(number)()
