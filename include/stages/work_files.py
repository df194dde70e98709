"""What the stages of one run leave for each other below `_work/<pipeline>/<run_key>/`, gone after publish."""

import json
from dataclasses import dataclass
from typing import Any, TypeVar

from include.errors import FuseBlown, NightshiftError, StopRun
from include.lake.paths import Lake
from include.lake.write import write_bytes
from include.stages.run_context import RunContext

E = TypeVar("E", bound=NightshiftError)
# Of `plan.json` and `plan.parquet`; a run that was planned in another one is planned again.
PLAN_FORMAT = 2


@dataclass(frozen=True)
class WorkFiles:
    """Paths and small manifests of one run."""

    lake: Lake
    run: RunContext

    def path(self, *parts: str) -> str:
        """A path in the run's folder."""
        return self.lake.work(self.run.pipeline, self.run.run_key, *parts)

    @property
    def records(self) -> str:
        """The run's records, with `answer_key` and `skip_reason` once planned."""
        return self.path("records.parquet")

    @property
    def plan(self) -> str:
        """The run's records with their answer keys, and why some are skipped."""
        return self.path("plan.parquet")

    @property
    def quarantined(self) -> str:
        """Rows for the quarantine that are known before anything is asked."""
        return self.path("unreadable.parquet")

    @property
    def ledger(self) -> str:
        """Folder of the ledger."""
        return self.path("ledger")

    def shard(self, number: int) -> str:
        """Texts of one mapped task."""
        return self.path("shards", f"{number:04d}.parquet")

    def shard_ledger(self, number: int) -> str:
        """Folder of one shard's ledger."""
        return self.path("ledger", f"{number:04d}")

    def answers(self, number: int) -> str:
        """Outcomes of one shard, once it is done."""
        return self.path("answers", f"{number:04d}.parquet")

    def progress(self, number: int) -> str:
        """What one shard has done so far."""
        return self.path("progress", f"{number}.json")

    def write_manifest(self, name: str, manifest: dict[str, Any]) -> None:
        """Keep a small JSON document."""
        write_bytes(self.lake, self.path(f"{name}.json"), json.dumps(manifest, ensure_ascii=False).encode())

    def read_manifest(self, name: str) -> dict[str, Any]:
        """Read it back.

        Raises:
            StopRun: the run is already published, so its files are gone; a retry would not bring them back.
        """
        path = self.path(f"{name}.json")
        try:
            manifest: dict[str, Any] = json.loads(self.lake.fs.cat_file(path))
        except FileNotFoundError as error:
            raise StopRun(
                f"This task has no files to work on ({self.lake.uri(path)} is gone), because its run was published or "
                "cleaned up. Clear the run from `extract` on: what is paid for is not paid again."
            ) from error
        return manifest

    def read_plan(self) -> dict[str, Any]:
        """The manifest of `plan`.

        Raises:
            StopRun: the version before wrote it, or see `read_manifest`.
        """
        plan = self.read_manifest("plan")
        if plan.get("format") != PLAN_FORMAT:
            raise StopRun(
                "This run was planned by an older Nightshift. Clear it from `plan` on; nothing is paid twice."
            )
        return plan

    def stopping(self, error: E) -> E:
        """Keep what the end of a task makes of the records that it leaves, and how often it was the fuse."""
        times = self.times_blown() + isinstance(error, FuseBlown)
        self.write_manifest("stopped", {"leaves": error.leaves, "times_blown": times})
        return error

    def times_blown(self) -> int:
        """How often the fuse has stopped the run."""
        return int(self._stopped().get("times_blown", 0))

    def leaves(self) -> str:
        """The reason under which what a failed run has not answered counts as skipped."""
        return str(self._stopped().get("leaves", NightshiftError.leaves))

    def _stopped(self) -> dict[str, Any]:
        path = self.path("stopped.json")
        return self.read_manifest("stopped") if self.lake.fs.exists(path) else {}

    def remove(self) -> None:
        """Forget everything, after the publish."""
        self.lake.remove_folder(self.path())
