"""Real texts, where the folder `../shared/data` with them stands beside the project."""

from pathlib import Path

import pandas as pd
import pytest

from tests.fault_server.running import FaultServer
from tests.stages.running import Deployment

DATA = Path(__file__).parents[3] / "shared" / "data"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.real_data,
    pytest.mark.skipif(not DATA.is_dir(), reason="the folder with real texts is not there"),
]


@pytest.mark.parametrize(
    ("pipeline", "files"),
    [
        ("app_store_reviews", "reviews_kiwix_play_console/data.jsonl"),
        ("app_store_reviews", "reviews_appstore_games/data.jsonl"),
        ("support_tickets", "tickets_cfpb/data.jsonl"),
        ("call_transcripts", "calls_contoso_synthetic/data.jsonl"),
        ("call_transcripts", "calls_star/data.jsonl"),
    ],
)
def test_every_real_text_ends_in_exactly_one_place(
    pipeline: str, files: str, tmp_path: Path, fault_server: FaultServer
) -> None:
    deployment = Deployment(tmp_path, fault_server.base_url, pipeline)
    lines = (DATA / files).read_bytes().split(b"\n")[:300]
    deployment.write_source([line for line in lines if line.strip()])
    row = deployment.run()
    assert row["extracted"] == len([line for line in lines if line.strip()])
    published, held = deployment.table("results"), deployment.table("quarantine")
    assert not set(published["record_id"]) & set(held["record_id"])
    assert row["published"] >= 0.9 * (row["extracted"] - row["skipped"])
    assert len(pd.read_parquet(tmp_path / "lake/current" / pipeline)) == row["published"]
