"""Run one stage of a night in a process of its own: python -m tests.bench.stage <stage> <settings as JSON>.

Prints one JSON object: `cpu_seconds` and `peak_mb` of the whole process, imports included, and `result`. What it takes
from `include/` are the stages' own functions, so that it measures an older checkout too.
"""

import asyncio
import dataclasses
import json
import os
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from include.lake.paths import Lake, open_lake
from include.llm.endpoint import Endpoint
from include.pipelines.definition import Pipeline
from include.pipelines.registry import load_pipeline
from include.stages.run_context import RunContext, settle_run
from tests.bench.child import peak_mb

PIPELINE = "app_store_reviews"
STAGES = ("extract", "plan", "infer", "validate", "publish", "watch", "report")
_NIGHT = datetime(2026, 11, 23, 3, tzinfo=UTC)


@dataclasses.dataclass(frozen=True)
class Night:
    """One run over a file.

    Args:
        folder: holds the lake and what one stage leaves for the next beside it.
        base_url: of the endpoint.
        source: the file with the records.
        shard_records: most records of one shard; None: as the pipeline has it.
    """

    folder: str
    base_url: str
    source: str
    shard_records: int | None = None

    @property
    def lake(self) -> Lake:
        """The lake."""
        return open_lake(f"{self.folder}/lake")

    @property
    def pipeline(self) -> Pipeline:
        """App store reviews: lists of quotes, attributes above the text, Great Expectations."""
        pipeline = load_pipeline(PIPELINE)
        return dataclasses.replace(pipeline, shard_size=self.shard_records or pipeline.shard_size)

    @property
    def endpoint(self) -> Endpoint:
        """The server; the shares of its answers are judged as a real provider's are."""
        return Endpoint(self.base_url, "key", is_demo=False)

    @property
    def run(self) -> RunContext:
        """A manual run, which takes the whole file."""
        return settle_run(
            self.pipeline,
            self.endpoint,
            run_id="bench",
            trigger="manual",
            data_interval=None,
            run_after=_NIGHT,
            started_at=_NIGHT,
            form={"budget_usd": 1e6},
            environ={},
        )


def run_stage(night: Night, stage: str) -> Any:
    """Run one stage, with what the one before it has left."""
    ran = _RUN[stage](night)
    (Path(night.folder) / f"{stage}.json").write_text(json.dumps(ran))
    return ran


def _extract(night: Night) -> Any:
    from include.stages.extract import extract_records

    environ = {f"NIGHTSHIFT_SOURCE_{PIPELINE.upper()}": night.source}
    return vars(extract_records(night.lake, night.pipeline, night.run, environ))


def _plan(night: Night) -> Any:
    from include.stages.plan import plan_run

    return asyncio.run(plan_run(night.lake, night.pipeline, night.run, night.endpoint))


def _infer(night: Night) -> Any:
    from include.stages.infer import infer_shard

    shards = _left_by(night, "plan")
    return [asyncio.run(infer_shard(night.lake, night.pipeline, night.run, night.endpoint, n)) for n in shards]


def _validate(night: Night) -> Any:
    from include.stages.validate import validate_run

    return validate_run(night.lake, night.pipeline, night.run, night.endpoint)


def _publish(night: Night) -> Any:
    from include.stages.publish import publish_run

    return publish_run(night.lake, night.pipeline, night.run)


def _watch(night: Night) -> Any:
    try:
        from include.stages.watch import watch_run
    except ImportError:
        return None

    watched = asyncio.run(watch_run(night.lake, night.pipeline, night.run, _left_by(night, "publish"), night.endpoint))
    return None if watched is None else dataclasses.asdict(watched)


def _report(night: Night) -> Any:
    from include.stages.report import report_run

    return report_run(night.lake, night.pipeline, night.run, _left_by(night, "publish"), night.endpoint)


_RUN = dict(zip(STAGES, (_extract, _plan, _infer, _validate, _publish, _watch, _report), strict=True))


def _left_by(night: Night, stage: str) -> Any:
    return json.loads((Path(night.folder) / f"{stage}.json").read_text())


def main() -> None:
    """Run it, and say what it took."""
    stage, settings = sys.argv[1], json.loads(sys.argv[2])
    # The figures go where this goes now; logs do not.
    figures = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    taken: Mapping[str, Any] = {"result": run_stage(Night(**settings), stage)}
    print(json.dumps({**taken, "cpu_seconds": time.process_time(), "peak_mb": peak_mb()}), file=figures, flush=True)


if __name__ == "__main__":
    main()
