"""The stages of `night` hand a whole night on to each other, shard by shard, and lose no record."""

from pathlib import Path

import pytest

from tests.bench.night import check_lake
from tests.bench.sources import write_parquet
from tests.bench.stage import STAGES, Night, run_stage
from tests.fault_server.running import FaultServer

RECORDS = 2_000


@pytest.mark.slow
def test_a_night_of_several_shards_publishes_each_record_once(fault_server: FaultServer, tmp_path: Path) -> None:
    source, _ = write_parquet(tmp_path, RECORDS)
    night = Night(str(tmp_path), fault_server.base_url, source, shard_records=300)
    for stage in STAGES:
        run_stage(night, stage)
    check_lake(str(tmp_path), RECORDS)
