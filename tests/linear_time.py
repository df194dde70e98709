"""Hostile texts are so long that a linear search takes a second or two, and a quadratic one much longer."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

# Eight times what the slowest of them takes at 150,000 characters, and less than the mildest quadratic search there.
LONG_TEXT, GUARD_SECONDS = 150_000, 15.0


@contextmanager
def in_linear_time() -> Iterator[None]:
    """Fails when what is done within takes this process more than `GUARD_SECONDS`, whatever else the machine does."""
    started = time.process_time()
    yield
    assert time.process_time() - started < GUARD_SECONDS
