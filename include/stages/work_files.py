"""What the stages of one run leave for each other below `_work/<pipeline>/<run_key>/`, gone after publish."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

from pydantic import TypeAdapter

from include.errors import FuseBlown, NightshiftError, StopRun
from include.lake.paths import Lake
from include.lake.write import write_bytes
from include.stages.manifests import (
    PLAN_FORMAT,
    Before,
    Begun,
    Extracted,
    Inferred,
    Planned,
    Replaced,
    Stopped,
    Validated,
)
from include.stages.run_context import RunContext

E = TypeVar("E", bound=NightshiftError)
Manifest = Begun | Extracted | Before | Planned | Inferred | Validated | Replaced | Stopped
M = TypeVar("M", bound=Manifest)


_ADAPTERS: dict[type, TypeAdapter[Any]] = {kind: TypeAdapter(kind) for kind in get_args(Manifest)}


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
        """The run's records: where their texts lie until they are published."""
        return self.path("records.parquet")

    @property
    def plan(self) -> str:
        """Of each record, in their order: its answer key, and why it is skipped if it is."""
        return self.path("plan.parquet")

    @property
    def quarantined(self) -> str:
        """Rows for the quarantine that are known before anything is asked."""
        return self.path("unreadable.parquet")

    @property
    def ledger(self) -> str:
        """Folder of the ledger."""
        return self.path("ledger")

    @property
    def carried(self) -> str:
        """Folder of the ledger with what is paid for before the shards begin."""
        return self.path("ledger", "carried")

    @property
    def tries(self) -> str:
        """The part of it that shards of earlier plans have answered."""
        return self.path("ledger", "carried", "tries")

    @property
    def accepted(self) -> str:
        """Rows for `results/` without what stands in the records, and their places there."""
        return self.path("accepted.parquet")

    def shard(self, number: int) -> str:
        """What one mapped task asks: answer keys, and the places of their texts among the records."""
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

    def write(self, manifest: Manifest, shard: int = 0) -> None:
        """Keep a manifest.

        Args:
            shard: whose it is, where each has one.
        """
        document = _ADAPTERS[type(manifest)].dump_json(manifest)
        write_bytes(self.lake, self.path(f"{manifest.file.format(shard)}.json"), document)

    def read(self, kind: type[M], shard: int = 0, default: M | None = None) -> M:
        """Read a manifest back.

        Args:
            default: instead of one that is not there.

        Raises:
            StopRun: the run is already published, so its files are gone; a retry would not bring them back. Or an
                older Nightshift has planned it.
        """
        path = self.path(f"{kind.file.format(shard)}.json")
        try:
            document = json.loads(self.lake.fs.cat_file(path, start=0))
        except FileNotFoundError as error:
            if default is not None:
                return default
            raise StopRun(
                f"This task has no files to work on ({self.lake.uri(path)} is gone), because its run was published or "
                "cleaned up. Clear the run from `extract` on: what is paid for is not paid again."
            ) from error
        if kind is Planned and document.get("format") != PLAN_FORMAT:
            raise StopRun(
                "This run was planned by an older Nightshift. Clear it from `plan` on; nothing is paid twice."
            )
        manifest: M = _ADAPTERS[kind].validate_python(document)
        return manifest

    @staticmethod
    def to_plain(plan: Planned) -> dict[str, Any]:
        """A plan for whoever needs it when the run's files are gone."""
        plain: dict[str, Any] = _ADAPTERS[Planned].dump_python(plan, mode="json")
        return plain

    @staticmethod
    def planned(plain: Mapping[str, Any]) -> Planned:
        """The inverse of `to_plain`."""
        plan: Planned = _ADAPTERS[Planned].validate_python(plain)
        return plan

    def stopping(self, error: E) -> E:
        """Keep what the end of a task makes of the records that it leaves, and how often it was the fuse."""
        times = self.stopped().times_blown + isinstance(error, FuseBlown)
        self.write(Stopped(leaves=error.leaves, times_blown=times))
        return error

    def stopped(self) -> Stopped:
        """How a task has ended the run, if one has."""
        return self.read(Stopped, default=Stopped())

    def remove(self) -> None:
        """Forget everything, after the publish."""
        self.lake.remove_folder(self.path())
