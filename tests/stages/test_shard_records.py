"""One number says how many records a task takes."""

import asyncio
from pathlib import Path

import pytest

from include.errors import ConfigurationError
from include.pipelines.registry import load_pipeline
from include.settings import shard_records
from include.stages.extract import extract_records
from include.stages.plan import plan_run
from tests.fault_server.running import FaultServer
from tests.stages.running import Deployment, tickets

NAME = "NIGHTSHIFT_SHARD_RECORDS"


def test_the_deployment_s_number_goes_before_the_pipeline_s() -> None:
    pipeline = load_pipeline("support_tickets")
    assert shard_records(pipeline, {}) == shard_records(pipeline, {NAME: ""}) == pipeline.shard_size
    assert shard_records(pipeline, {NAME: "25"}) == 25


@pytest.mark.parametrize("value", ["0", "-5", "2.5", "0.5", "many", "inf", "nan"])
def test_what_is_no_whole_number_is_refused_by_its_name(value: str) -> None:
    with pytest.raises(ConfigurationError, match=NAME):
        shard_records(load_pipeline("support_tickets"), {NAME: value})


def test_plan_cuts_the_night_by_it(tmp_path: Path, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "4")
    deployment = Deployment(tmp_path, fault_server.base_url)
    deployment.write_source(tickets(10))
    run = deployment.settle()
    extract_records(deployment.lake, deployment.pipeline, run, deployment.environ)
    assert asyncio.run(plan_run(deployment.lake, deployment.pipeline, run, deployment.endpoint)) == [0, 1, 2]
