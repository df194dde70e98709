"""An event loop whose time jumps to the next moment at which something happens: an hour takes as long as its events."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Selector(selectors.SelectSelector):
    """Waits for nothing: what would be waited for has passed."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        """Jump by `timeout` seconds."""
        if timeout is None:
            raise RuntimeError("Everybody waits, and nothing will happen any more.")
        self.now += max(timeout, 0.0)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """See the module. `loop.time` is the clock, and `asyncio.sleep` keeps to it."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._virtual.now

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        """At once: what a thread does takes no virtual time."""
        done: asyncio.Future[T] = self.create_future()
        done.set_result(func(*args))
        return done


def run_virtually(main: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
