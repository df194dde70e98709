"""What a report compares its night with."""

from pathlib import Path

import pyarrow as pa
import pytest

from include.lake.read import read_table
from include.lake.schemas import RUNS_SCHEMA
from include.lake.write import write_table
from include.llm.endpoint import RECORDED_MODEL
from tests.fault_server.running import FaultServer
from tests.stages.running import Deployment, tickets


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "counts"),
    [
        ({"purpose": None}, True),
        ({"purpose": "trial"}, False),
        ({"purpose": "evaluation"}, False),
        ({"model": RECORDED_MODEL}, False),
    ],
)
def test_trends_take_nights_of_models_only(
    tmp_path: Path, fault_server: FaultServer, changed: dict[str, str | None], counts: bool
) -> None:
    deployment = Deployment(tmp_path, fault_server.base_url)
    deployment.write_source(tickets(20))
    deployment.run("manual__earlier", until="2026-11-22T00:00:00+00:00")
    (path,) = deployment.lake.files("runs", "support_tickets")
    (row,) = read_table(deployment.lake, path).to_pylist()
    write_table(deployment.lake, path, pa.Table.from_pylist([{**row, **changed}], schema=RUNS_SCHEMA))
    deployment.write_source(tickets(3, start=100))
    deployment.run("manual__later")
    (page,) = (deployment.folder / "lake" / "reports").rglob("manual-later*.html")
    assert ("against earlier runs" in page.read_text()) is counts


@pytest.mark.slow
def test_runs_that_an_older_version_published_have_no_measures_and_the_report_says_so(
    tmp_path: Path, fault_server: FaultServer
) -> None:
    deployment = Deployment(tmp_path, fault_server.base_url)
    deployment.write_source(tickets(5))
    deployment.run("manual__earlier", until="2026-11-22T00:00:00+00:00")
    assert "No earlier measures" not in deployment.report()
    (path,) = deployment.lake.files("measures", "support_tickets")
    deployment.lake.fs.rm_file(path)
    deployment.write_source(tickets(3, start=100))
    deployment.run("manual__later")
    (page,) = (deployment.folder / "lake" / "reports").rglob("manual-later*.html")
    assert "No earlier measures" in page.read_text()
