"""What `make run` says while it works: lines with the time since its start, and never long without one."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Say = Callable[[str], None]

# A line every ten seconds at least, so that nobody takes a slow machine for a hung one; asking takes its time, too.
LINE_SECONDS = 8.0

_STARTED = time.monotonic()


def say(line: str) -> None:
    """Print a line with the time since the start."""
    seconds = int(time.monotonic() - _STARTED)
    print(f"[{seconds // 60:02d}:{seconds % 60:02d}] {line}", flush=True)


def about(seconds: float) -> str:
    """A time to wait in words, as roughly as it is known."""
    if seconds < 5:
        return "any moment now"
    if seconds < 90:
        return f"about {5 * round(seconds / 5)} s more"
    return f"about {round(seconds / 60)} min more"


@contextmanager
def waiting_for(what: str, usual_seconds: float, say: Say = say) -> Iterator[None]:
    """Say again and again what is waited for and how much longer, until the block ends.

    Args:
        usual_seconds: what it takes on two idle cores.
    """
    begun, is_over = time.monotonic(), threading.Event()

    def tell() -> None:
        while not is_over.wait(LINE_SECONDS):
            waited = time.monotonic() - begun
            left = usual_seconds - waited
            slow = f"{waited:.0f} s so far, {usual_seconds:.0f} s on an idle machine"
            say(f"waiting for {what}: {about(left) if left > 0 else slow}")

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        is_over.set()
        teller.join()
