"""What a program leaves behind when it ends."""

import ctypes
from collections.abc import Iterator

import psutil
import pytest

_PR_SET_CHILD_SUBREAPER = 36


@pytest.fixture(autouse=True)
def adopting_orphans() -> Iterator[None]:
    """Orphans become children of the test process, where `descendants` sees them.

    Looking for a mark in their environment would miss most of Airflow: it overwrites that memory with process titles.
    """
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    yield
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 0)


def descendants() -> set[psutil.Process]:
    """All living processes below this one."""
    return {
        process for process in psutil.Process().children(recursive=True) if process.status() != psutil.STATUS_ZOMBIE
    }
