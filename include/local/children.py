"""Child processes that never outlive the one that started them."""

import contextlib
import ctypes
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from include.local import reaper

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PR_SET_PDEATHSIG = 1


@dataclass
class Children:
    """Starts processes, each in a session and with a log file of its own, and stops them with all they started.

    Use as a context manager. A reaper process does the stopping, so that nothing is left even when this process is
    killed outright, or told to stop a second time while it stops.

    Args:
        log_folder: gets one `<name>.log` a child.
    """

    log_folder: Path
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _reaper: subprocess.Popen[str] | None = None

    def __enter__(self) -> "Children":
        self.log_folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def log_path(self, name: str) -> Path:
        """Where a child's output goes."""
        return self.log_folder / f"{name}.log"

    def start(self, name: str, command: Sequence[str], environ: Mapping[str, str]) -> None:
        """Start a child."""
        # A signal between a child's start and its entry in the list would leave it behind.
        with _signals_wait() as before, self.log_path(name).open("wb") as log:
            child = self._running[name] = subprocess.Popen(
                command,
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C goes to this process alone, which then stops the children in order.
                start_new_session=True,
                preexec_fn=lambda: _in_child(before),
            )
            self._tell_reaper(str(child.pid))

    def dead(self) -> list[str]:
        """Names of the children that have ended by themselves."""
        return [name for name, process in self._running.items() if process.poll() is not None]

    def wait(self, name: str) -> int:
        """Wait for a child that ends by itself; returns its exit code, and counts it among them no longer."""
        code = self._running[name].wait()
        del self._running[name]
        return code

    def listens(self, name: str, port: int) -> bool:
        """Whether a child itself listens on a port; a server that answers there may be somebody else's."""
        try:
            connections = psutil.Process(self._running[name].pid).net_connections("tcp")
        except psutil.NoSuchProcess:
            return False
        return any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in connections)

    def stop(self) -> None:
        """End all children and their descendants: within seconds, and whatever signals come meanwhile."""
        with _signals_wait():
            if self._reaper:
                # Should somebody have killed the reaper, its work is done below.
                with contextlib.suppress(BrokenPipeError):
                    self._tell_reaper(reaper.STOP)
                self._reaper.communicate()
            for child in self._running.values():
                with contextlib.suppress(psutil.NoSuchProcess):
                    reaper.end([psutil.Process(child.pid)], gentle_seconds=0)
                child.wait()
            self._running.clear()
            self._reaper = None

    def _tell_reaper(self, line: str) -> None:
        if self._reaper is None:
            self._reaper = subprocess.Popen(
                [sys.executable, reaper.__file__], stdin=subprocess.PIPE, text=True, start_new_session=True
            )
        assert self._reaper.stdin is not None
        self._reaper.stdin.write(f"{line}\n")
        self._reaper.stdin.flush()


def _in_child(signal_mask: set[int]) -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, signal_mask)
    if sys.platform == "linux":
        # For the case that the reaper is killed together with this process.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@contextmanager
def _signals_wait() -> Iterator[set[int]]:
    """Let signals wait until the end of the block; gives the signals that were waiting before it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield before
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
