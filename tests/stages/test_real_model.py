"""Every pipeline against the bundled model: the same code as for a real provider, only the base URL differs."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from include.llm.endpoint import Endpoint
from include.local.model_server import running_model
from include.pipelines.registry import load_pipeline
from tests.stages.running import Deployment

# The trial of `make run`, in tests/local, asks it about reviews every time.
pytestmark = [pytest.mark.slow, pytest.mark.long]

# Enough to see answers, re-asks and both steps of a long call, few enough for two cores.
RECORDS = 4


class DemoDeployment(Deployment):
    """A deployment that asks the bundled model."""

    @property
    def endpoint(self) -> Endpoint:
        """The bundled model."""
        return Endpoint(self.base_url, "local", is_demo=True)


@pytest.fixture(scope="module")
def model_url() -> Iterator[str]:
    """The bundled model, served."""
    with running_model() as url:
        yield url


@pytest.mark.parametrize("name", ["app_store_reviews", "call_transcripts", "support_tickets"])
def test_a_pipeline_runs_on_the_bundled_model(name: str, tmp_path: Path, model_url: str) -> None:
    deployment = DemoDeployment(tmp_path, model_url, name)
    (sample,) = (load_pipeline(name).folder / "samples").glob("*.jsonl")
    lines = sample.read_bytes().split(b"\n")
    deployment.write_source([*lines[: RECORDS - 1], max(lines, key=len)])
    row = deployment.run()
    assert row["extracted"] == RECORDS
    assert row["published"] >= RECORDS / 2
    assert row["completion_tokens"] > 0
    assert len(pd.read_parquet(tmp_path / "lake/current" / name)) == row["published"]
    (report,) = (tmp_path / "lake/reports" / name).glob("*/*.html")
    assert "bundled demo model" in report.read_text()
