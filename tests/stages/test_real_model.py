"""Every pipeline against the bundled model: the same code as for a real provider, only the base URL differs."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from include.llm.endpoint import Endpoint
from include.local.model_server import running_model
from include.pipelines.registry import load_pipeline
from tests.stages.running import Deployment

pytestmark = pytest.mark.slow

# Enough to see answers, re-asks and both steps of a long call, few enough for two cores.
ALL_KINDS, FEW = 4, 2


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


@pytest.mark.parametrize(
    ("name", "records"),
    [
        # The answer with a list of points in it. Tickets are asked about by `make run`, in tests/local.
        ("app_store_reviews", FEW),
        *(
            pytest.param(name, ALL_KINDS, marks=pytest.mark.long)
            for name in ("app_store_reviews", "call_transcripts", "support_tickets")
        ),
    ],
)
def test_a_pipeline_runs_on_the_bundled_model(name: str, records: int, tmp_path: Path, model_url: str) -> None:
    deployment = DemoDeployment(tmp_path, model_url, name)
    (sample,) = (load_pipeline(name).folder / "samples").glob("*.jsonl")
    lines = sample.read_bytes().split(b"\n")
    longest = [max(lines, key=len)] if records == ALL_KINDS else []
    deployment.write_source([*lines[: records - len(longest)], *longest])
    row = deployment.run()
    assert row["extracted"] == records
    assert row["published"] >= records / 2
    assert row["completion_tokens"] > 0
    assert len(pd.read_parquet(tmp_path / "lake/current" / name)) == row["published"]
    (report,) = (tmp_path / "lake/reports" / name).glob("*/*.html")
    assert "bundled demo model" in report.read_text()
