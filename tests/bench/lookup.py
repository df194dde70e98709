"""Look paid answers up in a process of its own: started by `reuse`, prints one JSON object.

python -m tests.bench.lookup <lake with a file `wanted` of one answer key a line>
"""

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from include.lake.lake_index import update_index
from include.lake.paths import open_lake
from include.llm.paid_answers import paid_answers
from tests.bench.child import peak_mb
from tests.bench.question import Form


def main() -> None:
    """Look all wanted keys up twice: the first time may have to build what the second one uses."""
    folder = sys.argv[1]
    lake = open_lake(folder)
    wanted = set((Path(folder) / "wanted").read_text().split("\n"))
    seconds: list[float] = []
    for _ in range(2):
        read_before = _bytes_read()
        started = time.monotonic()
        # As `plan` does.
        update_index(lake, "app_store_reviews")
        moment = datetime(2026, 11, 24, tzinfo=UTC)
        own = lake.run_file("results", "app_store_reviews", moment.date(), "this-run")
        paid = paid_answers(lake, "app_store_reviews", Form, wanted, own_results=own, own_work="", reused_at=moment)
        found = sum(1 for _ in paid)
        seconds.append(time.monotonic() - started)
    print(
        json.dumps(
            {
                "first_seconds": round(seconds[0], 3),
                "seconds": round(seconds[1], 3),
                "bytes": _bytes_read() - read_before,
                "found": found,
                "lake_bytes": sum(path.stat().st_size for path in Path(folder).rglob("*.parquet")),
                "peak_mb": round(peak_mb()),
            }
        )
    )


def _bytes_read() -> int:
    """Bytes that this process has asked the operating system for, from its cache or not."""
    return int(Path("/proc/self/io").read_text().split("rchar: ")[1].split()[0])


if __name__ == "__main__":
    main()
