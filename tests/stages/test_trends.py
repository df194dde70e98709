"""What a report compares its night with."""

from pathlib import Path

import pyarrow as pa
import pytest

from include.lake.read import read_table
from include.lake.schemas import RUNS_SCHEMA
from include.lake.write import write_table
from tests.fault_server.running import FaultServer
from tests.stages.running import Deployment, tickets


@pytest.mark.parametrize(("purpose", "counts"), [(None, True), ("trial", False), ("evaluation", False)])
def test_trends_take_nights_only(tmp_path: Path, fault_server: FaultServer, purpose: str | None, counts: bool) -> None:
    deployment = Deployment(tmp_path, fault_server.base_url)
    deployment.write_source(tickets(20))
    deployment.run("manual__earlier", until="2026-11-22T00:00:00+00:00")
    (path,) = deployment.lake.files("runs", "support_tickets")
    (row,) = read_table(deployment.lake, path).to_pylist()
    write_table(deployment.lake, path, pa.Table.from_pylist([{**row, "purpose": purpose}], schema=RUNS_SCHEMA))
    deployment.write_source(tickets(3, start=100))
    deployment.run("manual__later")
    (page,) = (deployment.folder / "lake" / "reports").rglob("manual-later*.html")
    assert ("against earlier runs" in page.read_text()) is counts
