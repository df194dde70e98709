"""A lake that goes away while a run is published: the next try ends in the lake that no trouble would have left."""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from fsspec.implementations.memory import MemoryFileSystem

from include.errors import RetryLater
from include.lake.paths import Lake
from include.lake.read import read_table
from include.lake.storage import Storage
from include.lake.write import write_table
from include.stages.extract import extract_records
from include.stages.infer import infer_shard
from include.stages.manifests import Validated
from include.stages.plan import plan_run
from include.stages.publish import publish_run
from include.stages.run_context import RunContext
from include.stages.validate import validate_run
from include.stages.work_files import WorkFiles
from tests.fault_server.running import FaultServer
from tests.lake.tables import read_tables
from tests.stages.running import Deployment, tickets

READ = ("results", "current", "runs", "quarantine", "audit", "measures")


class Bucket(MemoryFileSystem):
    """A storage that goes away before its so-many-th change."""

    cachable = False
    changes = 0
    away_from = float("inf")

    def _change(self) -> None:
        self.changes += 1
        if self.changes > self.away_from:
            raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")

    def put_file(self, lpath: str, rpath: str, **kwargs: Any) -> None:
        """As a library does it, or fails to."""
        self._change()
        super().put_file(lpath, rpath, **kwargs)

    def rm_file(self, path: str) -> None:
        """As a library does it, or fails to."""
        self._change()
        super().rm_file(path)

    def rm(self, path: str, **kwargs: Any) -> None:
        """As a library does it, or fails to."""
        self._change()
        super().rm(path, **kwargs)


@pytest.fixture
def deployment(fault_server: FaultServer, tmp_path: Path) -> Iterator[Deployment]:
    """Records, and no bucket of an earlier test."""
    MemoryFileSystem.store.clear()
    yield Deployment(tmp_path, fault_server.base_url)
    MemoryFileSystem.store.clear()


def bucket_like(deployment: Deployment) -> tuple[Bucket, Lake]:
    """A lake in a bucket with all files of the deployment's own one; nothing that goes away is waited for."""
    MemoryFileSystem.store.clear()
    bucket, root = Bucket(), Path(deployment.lake.root)
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder) / name
            bucket.pipe_file(f"/lake/{path.relative_to(root)}", path.read_bytes())
    return bucket, Lake(Storage(bucket, patience_seconds=0.0), "/lake")


def rows(lake: Lake) -> dict[str, list[dict[str, Any]]]:
    """What readers see, but for the moment at which the run has ended."""
    seen = {}
    for table in READ:
        found = read_tables(lake, lake.files(table, "support_tickets"))
        seen[table] = [] if found is None else found.to_pylist()
    for row in seen["runs"]:
        row.pop("finished_at")
    return seen


def validated(deployment: Deployment, run_id: str, trigger: str) -> RunContext:
    run = deployment.settle(run_id, trigger)
    extract_records(deployment.lake, deployment.pipeline, run, deployment.environ)
    for shard in asyncio.run(plan_run(deployment.lake, deployment.pipeline, run, deployment.endpoint)):
        asyncio.run(infer_shard(deployment.lake, deployment.pipeline, run, deployment.endpoint, shard))
    validate_run(deployment.lake, deployment.pipeline, run, deployment.endpoint)
    return run


@pytest.mark.slow
def test_a_publish_that_is_cut_off_anywhere_ends_in_the_same_lake(deployment: Deployment) -> None:
    deployment.write_source([{**ticket, "created_at": "2026-11-22T12:00:00Z"} for ticket in tickets(6)])
    first = validated(deployment, "scheduled__1", "scheduled")
    publish_run(deployment.lake, deployment.pipeline, first)
    # The same night once more, by a backfill, and one record is not accepted any more.
    again = validated(deployment, "backfill__1", "backfill")
    assert (again.run_key, again.run_id) == (first.run_key, "backfill__1")
    work = WorkFiles(deployment.lake, again)
    accepted = read_table(deployment.lake, work.path("accepted.parquet"))
    write_table(deployment.lake, work.path("accepted.parquet"), accepted.slice(1))
    known = work.read(Validated)
    work.write(replace(known, skipped={**known.skipped, "has_outcome": 1}))
    bucket, lake = bucket_like(deployment)
    publish_run(lake, deployment.pipeline, again)
    undisturbed, changes = rows(lake), bucket.changes
    assert len(undisturbed["results"]) == len(undisturbed["current"]) == accepted.num_rows - 1
    assert [row["run_id"] for row in undisturbed["runs"]] == ["backfill__1"]
    cut_off = 0
    for cut in range(changes):
        bucket, lake = bucket_like(deployment)
        bucket.away_from = cut
        try:
            publish_run(lake, deployment.pipeline, again)
        except RetryLater:
            cut_off += 1
            bucket.away_from = float("inf")
            publish_run(lake, deployment.pipeline, again)
        assert rows(lake) == undisturbed, f"cut off before change {cut}"
    # Before the list of what it replaces, quarantine, audit, results, the ids of `current/` (the bucket is new, so
    # those are late), its day, that month's ids again, measures, runs and the index; the rest only tidies up.
    assert cut_off == 12
