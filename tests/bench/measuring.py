"""Start servers and clients, each in a process of its own on the core that it has to itself."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.fault_server import FaultServer, Plan

ROOT = Path(__file__).parents[2]
# As far away as a limit can be: the limiter works, and stops nobody.
FAR_LIMITS = {"requests_per_minute": 6e6, "tokens_per_minute": 6e9}
# A client that hangs must not hang the benchmark.
LONGEST_SECONDS = 900.0

Line = dict[str, Any]


@dataclass(frozen=True)
class Options:
    """What was asked for on the command line.

    Args:
        quick: sizes at which each benchmark takes seconds and its figures mean nothing.
        peers: other people's libraries too.
        profile: where the client's CPU time goes.
        rows: sizes of `night`; none: its own.
        cases: part of the names of cases of `limiter` and `storm`; None: those that say the most.
    """

    quick: bool = False
    peers: bool = False
    profile: bool = False
    cases: str | None = None
    rows: tuple[int, ...] = ()


@dataclass(frozen=True)
class Measured:
    """What one client did.

    Args:
        rows: valid answers.
        seconds: from the first question to the end.
        cpu_seconds: of all its threads.
        peak_mb: most memory resident.
        profile: see `Sampler.as_json`; None unless it was asked for.
    """

    rows: int
    seconds: float
    cpu_seconds: float
    peak_mb: float
    profile: dict[str, Any] | None


class Client:
    """One client in a process of its own. Use in a `with`, at whose end it is killed if it still runs.

    Args:
        name: in `CLIENTS`.
        settings: for it: `base_url`, `in_flight`, `rows` (of each shard), `folder` (of the lake, and for its temporary
            files), `shard`, `core`, `requests_per_minute`, `tokens_per_minute`, `max_retries`,
            `profile`.
        environ: more variables.
        python: interpreter; None: this one.
    """

    def __init__(
        self,
        name: str,
        settings: Mapping[str, Any],
        environ: Mapping[str, str] | None = None,
        python: str | None = None,
    ) -> None:
        self._name = name
        self._said = Path(settings["folder"]) / f"said-by-{name}-{settings.get('shard', 0)}"
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(
                [python or sys.executable, "-m", "tests.bench.child", name, json.dumps(settings)],
                cwd=ROOT,
                env={
                    **os.environ,
                    "PYTHONPATH": str(ROOT),
                    # The embedded store of the limiter is there: what an earlier case has learned does not count.
                    "TMPDIR": settings["folder"],
                    **(environ or {}),
                },
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def get_ready(self) -> None:
        """Wait until it has imported what it needs.

        Raises:
            RuntimeError: it failed; with the end of what it said.
        """
        assert self._process.stdout is not None
        # Some libraries print while they are imported.
        while (line := self._process.stdout.readline()) != "ready\n":
            if not line:
                raise self._failure()

    def begin(self, at: float) -> None:
        """Let it ask its first question at a moment in Unix time."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{at}\n")
        self._process.stdin.flush()

    def wait(self) -> Measured:
        """Wait until it is done.

        Raises:
            RuntimeError: it failed; with the end of what it said.
        """
        output, _ = self._process.communicate(timeout=LONGEST_SECONDS)
        if self._process.returncode:
            raise self._failure()
        return Measured(**json.loads(output.splitlines()[-1]))

    def _failure(self) -> RuntimeError:
        said = self._said.read_bytes()[-4_000:].decode(errors="replace")
        return RuntimeError(f"{self._name} ended with code {self._process.wait()}:\n{said}")


def run_clients(
    name: str,
    each: Sequence[Mapping[str, Any]],
    begin_at: Callable[[], float] = time.time,
    environ: Mapping[str, str] | None = None,
    python: str | None = None,
) -> list[Measured]:
    """Run clients side by side to their ends.

    Args:
        name, environ, python: see `Client`.
        each: the settings of each.
        begin_at: Unix time at which all begin, once all are ready.
    """
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(name, settings, environ, python)) for settings in each]
        begin(clients, begin_at)
        return [client.wait() for client in clients]


def begin(clients: Sequence[Client], begin_at: Callable[[], float] = time.time) -> None:
    """Let all begin at one moment, once all are ready."""
    for client in clients:
        client.get_ready()
    at = begin_at()
    for client in clients:
        client.begin(at)


def cores() -> tuple[list[int], int]:
    """Cores of the clients, and the core of the server, which has it to itself where there are two or more."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[:-1] or usable, usable[-1]


def cores_setting() -> str:
    """The same for a line of output."""
    clients, server = cores()
    return f"clients on {','.join(map(str, clients))}, server on {server}"


@contextmanager
def bench_server(plan: Plan) -> Iterator[FaultServer]:
    """A server in a process of its own on its core."""
    usable = os.sched_getaffinity(0)
    server = FaultServer(plan, process=True)
    # A process inherits the cores of the one that starts it.
    os.sched_setaffinity(0, {cores()[1]})
    try:
        server.start()
    finally:
        os.sched_setaffinity(0, usable)
    try:
        yield server
    finally:
        server.stop()


def tell(message: str) -> None:
    """Progress, for people."""
    print(message, file=sys.stderr, flush=True)


def median(values: Sequence[float]) -> float:
    """The middle one, or the upper of the two in the middle."""
    return sorted(values)[len(values) // 2]
