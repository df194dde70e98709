"""What a program leaves behind when it ends."""

import ctypes
import os
import sys

import psutil

_PR_SET_CHILD_SUBREAPER = 36
_SERVANTS = ("multiprocessing.forkserver", "multiprocessing.resource_tracker")


def adopt_orphans() -> None:
    """Orphans become children of the test process, where `descendants` sees them.

    Looking for a mark in their environment would miss most of Airflow: it overwrites that memory with process titles.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def descendants() -> set[psutil.Process]:
    """All living processes below this one but Python's own servants, which end with it."""
    return {process for process in psutil.Process().children(recursive=True) if _lives(process)}


def _lives(process: psutil.Process) -> bool:
    try:
        is_servant = process.ppid() == os.getpid() and any(name in " ".join(process.cmdline()) for name in _SERVANTS)
        return process.status() != psutil.STATUS_ZOMBIE and not is_servant
    except psutil.NoSuchProcess:
        return False
