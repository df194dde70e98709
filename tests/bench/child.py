"""One client in a process of its own: started by the benchmarks, prints one JSON object.

python -m tests.bench.child nightshift '{"base_url": ..., "folder": ..., "shard": 0, "in_flight": 64}'
"""

import asyncio
import gc
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any

from tests.bench.clients import CLIENTS


def main() -> None:
    """Run the client named in the first argument with the settings in the second."""
    settings = json.loads(sys.argv[2])
    if "core" in settings:
        os.sched_setaffinity(0, {settings["core"]})
    run: Callable[[dict[str, Any]], Coroutine[Any, Any, int]] = CLIENTS[sys.argv[1]](settings)
    gc.collect()
    if "start_at" in settings:
        time.sleep(max(settings["start_at"] - time.time(), 0))
    started, cpu = time.monotonic(), time.process_time()
    rows = asyncio.run(run(settings))
    print(
        json.dumps(
            {
                "rows": rows,
                "seconds": time.monotonic() - started,
                "cpu_seconds": time.process_time() - cpu,
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
