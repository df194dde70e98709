"""Child processes that never outlive the one that started them."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import psutil

STOP_SECONDS = 10.0
_PR_SET_PDEATHSIG = 1


@dataclass
class Children:
    """Starts processes, each in a session and with a log file of its own, and stops them with all they started.

    Use as a context manager. Should this process be killed outright, the kernel asks its children to stop (Linux).

    Args:
        log_folder: gets one `<name>.log` a child.
    """

    log_folder: Path
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __enter__(self) -> "Children":
        self.log_folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def log_path(self, name: str) -> Path:
        """Where a child's output goes."""
        return self.log_folder / f"{name}.log"

    def start(self, name: str, command: Sequence[str], environ: Mapping[str, str]) -> None:
        """Start a child."""
        with self.log_path(name).open("wb") as log:
            self._running[name] = subprocess.Popen(
                command,
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C goes to this process alone, which then stops the children in order.
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )

    def dead(self) -> str | None:
        """Name of a child that has ended by itself, if any."""
        return next((name for name, process in self._running.items() if process.poll() is not None), None)

    def stop(self) -> None:
        """Ask all children and their descendants to stop, then make them."""
        family: set[psutil.Process] = set()
        for process in self._running.values():
            with contextlib.suppress(psutil.NoSuchProcess):
                parent = psutil.Process(process.pid)
                family |= {parent, *parent.children(recursive=True)}
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        _, alive = psutil.wait_procs(family, timeout=STOP_SECONDS)
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        for child in self._running.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        self._running.clear()


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
