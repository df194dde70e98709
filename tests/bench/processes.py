"""Start measured clients beside a server, each on a core of its own where there are two."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bench.workload import write_shards

ROOT = Path(__file__).resolve().parents[2]
CLIENT_CORE, SERVER_CORE = 0, (os.cpu_count() or 1) - 1


def pin_server() -> None:
    """Keep this process, and the servers that it starts, off the core of the clients."""
    os.sched_setaffinity(0, {SERVER_CORE})


def run_clients(
    client: str, each: Sequence[Mapping[str, Any]], environ: Mapping[str, str] | None = None, python: str | None = None
) -> list[dict[str, Any]]:
    """Run one child for each settings object, side by side, and collect what they print.

    Args:
        client: a name in `tests.bench.clients.CLIENTS`.
        each: settings.
        environ: more variables.
        python: interpreter, for peers with a virtual environment of their own.
    """
    children = [
        subprocess.Popen(
            [python or sys.executable, "-m", "tests.bench.child", client, json.dumps(dict(settings))],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **(environ or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for settings in each
    ]
    results = []
    for child in children:
        out, err = child.communicate()
        if child.returncode != 0:
            raise RuntimeError(f"{client} failed: {err[-2000:]}")
        results.append(json.loads(out.splitlines()[-1]))
    return results


def run_shards(
    base_url: str,
    rows: int,
    processes: int = 1,
    *,
    environ: Mapping[str, str] | None = None,
    characters: int = 600,
    is_pinned: bool = False,
    start_at_second: float | None = None,
    **settings: Any,
) -> list[dict[str, Any]]:
    """Run `processes` shards of `rows` texts each through the whole shard task, each in a process of its own.

    Args:
        is_pinned: all of them on the core of the clients.
        start_at_second: of the clock minute; None: at once, but all together.
    """
    with tempfile.TemporaryDirectory() as folder:
        # An embedded limiter of their own: what an earlier case has learned does not count.
        own = {"TMPDIR": folder, **(environ or {})}
        write_shards(Path(folder) / "lake", base_url, rows, processes, characters)
        # Importing takes each child some seconds.
        start_at = time.time() + 4.0 + processes
        if start_at_second is not None:
            start_at += (start_at_second - start_at) % 60.0
        each = [
            {
                "base_url": base_url,
                "folder": str(Path(folder) / "lake"),
                "shard": shard,
                "start_at": start_at,
                **({"core": CLIENT_CORE} if is_pinned else {}),
                **settings,
            }
            for shard in range(processes)
        ]
        return run_clients("nightshift", each, own)
