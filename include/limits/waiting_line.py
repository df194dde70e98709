"""Those who wait for leave to send, first come, first served."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

from include.errors import RetryLater

P = TypeVar("P")


class WaitingLine(Generic[P]):
    """Each waits with the tokens of its request, for what it is handed."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, asyncio.Future[P]]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def tokens(self) -> int:
        """Of all who wait."""
        return sum(tokens for tokens, _ in self._waiting)

    @property
    def first_tokens(self) -> int:
        """Of who is next."""
        return self._waiting[0][0]

    def join(self, tokens: int) -> asyncio.Future[P]:
        """Wait at the end of the line."""
        turn: asyncio.Future[P] = asyncio.get_running_loop().create_future()
        self._waiting.append((tokens, turn))
        return turn

    def forget_cancelled(self) -> bool:
        """Whether anybody waits, now that the first one does if so."""
        while self._waiting and self._waiting[0][1].done():
            self._waiting.popleft()
        return bool(self._waiting)

    def serve(self, permit: P) -> None:
        """Hand it to who is next."""
        self._waiting.popleft()[1].set_result(permit)

    def give_up(self) -> None:
        """Nobody who waits gets leave any more."""
        for _, turn in self._waiting:
            if not turn.done():
                turn.set_exception(RetryLater("The shard has ended before this text was answered."))
