"""Extract a night from a desk in a process that a test may kill: python -m tests.stages.extracting <lake> <desk>."""

import sys

from include.lake.paths import open_lake
from include.stages.extract import extract_records
from tests.stages.help_desk_scenario import NIGHT, Desk, desk_pipeline, settle_night

if __name__ == "__main__":
    pipeline = desk_pipeline(Desk(sys.argv[2]))
    run = settle_night(pipeline, "http://127.0.0.1:1/v1", NIGHT)
    extract_records(open_lake(sys.argv[1]), pipeline, run, {})
