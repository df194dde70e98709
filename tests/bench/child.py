"""One client in a process of its own: started by the benchmarks, prints one JSON object.

python -m tests.bench.child nightshift '{"base_url": ..., "folder": ..., "shard": 0, "in_flight": 64}'
"""

import asyncio
import contextlib
import gc
import json
import os
import sys
import time
from pathlib import Path

from tests.bench.clients import CLIENTS
from tests.bench.sampler import Sampler


def main() -> None:
    """Run the client named in the first argument with the settings in the second."""
    settings = json.loads(sys.argv[2])
    if "core" in settings:
        os.sched_setaffinity(0, {settings["core"]})
    run = CLIENTS[sys.argv[1]](settings)
    gc.collect()
    print("ready", flush=True)
    time.sleep(max(float(sys.stdin.readline()) - time.time(), 0.0))
    sampler = Sampler() if settings.get("profile") else None
    started, cpu = time.monotonic(), time.process_time()
    with sampler or contextlib.nullcontext():
        rows = asyncio.run(run(settings))
    print(
        json.dumps(
            {
                "rows": rows,
                "seconds": time.monotonic() - started,
                "cpu_seconds": time.process_time() - cpu,
                "peak_mb": peak_mb(),
                "profile": sampler.as_json() if sampler else None,
            }
        ),
        flush=True,
    )


def peak_mb() -> float:
    """Most memory that this process ever had resident, MB.

    Not `ru_maxrss`: a new process inherits that of the one that started it.
    """
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


if __name__ == "__main__":
    main()
