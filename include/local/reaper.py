"""Ends the processes of a `Children` block, also when the process that started them was killed outright.

It runs as a process of its own, beside its children and in a session of its own, and reads from standard input: a
line `<pid>` for each child that starts, then `stop`. When the input ends it ends all children and whatever they have
started: gently after `stop`, at once without it, for then nobody is left to wait.
"""

import contextlib
import sys
import time
from collections.abc import Iterable

import psutil

# Every answer is on disk before it counts, so nothing is lost by not waiting longer; a scheduler would wait for its
# tasks to finish, which takes hours.
GENTLE_SECONDS = 5.0
LOOK_SECONDS = 0.1
STOP = "stop"


def family(processes: Iterable[psutil.Process]) -> set[psutil.Process]:
    """Those of the processes that are alive, with all their descendants."""
    members = set()
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE:
                members |= {process, *process.children(recursive=True)}
    return members


def end(processes: Iterable[psutil.Process], gentle_seconds: float) -> None:
    """Ask processes and their descendants to end, then make them."""
    alive = family(processes)
    if gentle_seconds:
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
    kill_at = time.monotonic() + gentle_seconds
    while alive := family(alive):
        if time.monotonic() >= kill_at:
            for process in alive:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        time.sleep(LOOK_SECONDS)


def main() -> None:
    """Watch until the input ends, then end what it named."""
    children, gentle_seconds = [], 0.0
    for line in sys.stdin:
        if line.strip() == STOP:
            gentle_seconds = GENTLE_SECONDS
            break
        with contextlib.suppress(psutil.NoSuchProcess):
            children.append(psutil.Process(int(line)))
    end(children, gentle_seconds)


if __name__ == "__main__":
    main()
