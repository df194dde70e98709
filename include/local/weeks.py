"""The recorded weeks: which there are, how their files arrive, and which of them a lake has yet to see."""

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from include.lake.paths import Lake
from include.lake.read import read_table
from include.llm.endpoint import LOCAL_MODEL, RECORDED_MODEL

RECORDED = Path(__file__).parent / "recorded"
FIRST_MONDAY = datetime(2026, 11, 2, tzinfo=UTC)
# Runs are named so, by which their files in the lake are known.
RUN_NAME, TRIAL_NAME = "recorded", "trial"
# Seconds of the bundled model rather than minutes.
TRIAL_TEXTS = 8


@dataclass(frozen=True)
class Week:
    """One week of one pipeline, from 1."""

    pipeline: str
    number: int

    @property
    def end(self) -> datetime:
        """The Monday after it."""
        return FIRST_MONDAY + timedelta(weeks=self.number)

    @property
    def file(self) -> Path:
        """Its texts."""
        return RECORDED / self.pipeline / f"week-{self.number}.jsonl"

    @property
    def form(self) -> Mapping[str, Any]:
        """What the Monday's run sets: everything new up to then, so that late and edited texts are taken too."""
        return {"until": self.end.isoformat(), "model": RECORDED_MODEL}

    @property
    def trial_form(self) -> Mapping[str, Any]:
        """What a trial of the bundled model on a few texts of the week sets."""
        since = self.end - timedelta(weeks=1)
        return {"since": since.isoformat(), "until": self.end.isoformat(), "model": LOCAL_MODEL, "limit": TRIAL_TEXTS}

    def arrive(self, folder: Path) -> None:
        """Put the week's file where the pipeline reads; earlier weeks lie there already, later ones are taken away."""
        inbox = folder / self.pipeline
        inbox.mkdir(parents=True, exist_ok=True)
        for path in inbox.iterdir():
            path.unlink()
        for number in range(1, self.number + 1):
            shutil.copy(Week(self.pipeline, number).file, inbox)


def is_recorded(pipeline: str) -> bool:
    """Whether there are weeks of a pipeline."""
    return bool(weeks_of(pipeline))


def weeks_of(pipeline: str) -> list[Week]:
    """A pipeline's weeks, in order."""
    numbers = (re.fullmatch(r"week-(\d+)", path.stem) for path in (RECORDED / pipeline).glob("week-*.jsonl"))
    return [Week(pipeline, number) for number in sorted(int(found[1]) for found in numbers if found)]


def weeks_to_play(lake: Lake, pipeline: str) -> list[Week]:
    """From the first week on that the lake has no successful run of; the last one if it has all."""
    weeks = weeks_of(pipeline)
    for place, week in enumerate(weeks):
        if not _is_played(lake, week):
            return weeks[place:]
    return weeks[-1:]


def _is_played(lake: Lake, week: Week) -> bool:
    folder = f"{lake.table('runs', week.pipeline)}/run_date={week.end.date()}"
    paths = lake.find(folder, f"{RUN_NAME}-*.parquet")
    return any(row["state"] == "success" for path in paths for row in read_table(lake, path, ["state"]).to_pylist())
