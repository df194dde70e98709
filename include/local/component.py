"""One of Airflow's processes, which imports what is slow to import while it waits for its turn.

    python -m include.local.component scheduler /path/to/a/file

The scheduler's workers are forked from it (LocalExecutor on Linux), so what it has imported no task imports again:
Great Expectations alone takes seconds. Our own code is none of it, so that an edited pipeline counts at once. Nor is
Airflow: whichever of its processes is imported first in a new home would make up the key that all of them share.
"""

import importlib
import sys
import time
from pathlib import Path

SLOW = {
    "api-server": ("sqlalchemy.orm", "fastapi", "uvicorn", "httpx", "libcst", "jinja2"),
    "scheduler": ("sqlalchemy.orm", "httpx", "libcst", "pandas", "pyarrow.parquet", "openai", "great_expectations"),
}
LOOK_SECONDS = 0.1


def run(name: str, after: Path) -> None:
    """Import, wait until a file exists, be `airflow <name>`."""
    for module in SLOW.get(name, ()):
        importlib.import_module(module)
    while not after.exists():
        time.sleep(LOOK_SECONDS)
    from airflow.__main__ import main

    sys.argv = ["airflow", name]
    main()


if __name__ == "__main__":
    run(sys.argv[1], Path(sys.argv[2]))
