"""Nights whose answers are grouped, without the stages before."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from include.lake.paths import Lake, open_lake
from include.lake.read import read_table
from include.lake.schemas import results_schema
from include.lake.write import write_table
from include.pipelines.registry import load_pipeline
from include.themes.night import Grouped, group_night
from include.themes.state import read_themes
from include.themes.theme import resolve

FIRST_NIGHT = date(2026, 11, 1)
# Where texts with labels lie that are not part of the project.
REAL_DATA = Path(__file__).parents[3] / "shared" / "data"


class Nights:
    """Nights of one lake.

    Args:
        folder: of the lake, or its URI.
    """

    def __init__(self, folder: Path | str) -> None:
        self.lake: Lake = open_lake(str(folder))

    def publish(self, pipeline: str, night: int, rows: Iterable[dict[str, Any]]) -> None:
        """Write a night's file of `results/`."""
        schema = results_schema(load_pipeline(pipeline).answer, [])
        fixed = {"record_version": "1", "source": "s", "occurred_at": datetime(2026, 11, 1, tzinfo=UTC), "text": "t"}
        table = pa.Table.from_pylist([{**fixed, **row} for row in rows], schema=schema)
        write_table(self.lake, self.lake.run_file("results", pipeline, *run_of(night)), table)

    def group(self, pipeline: str, night: int) -> Grouped:
        """Group what a night has published."""
        return group_night(self.lake, load_pipeline(pipeline), *run_of(night))

    def tickets(self, night: int, problems: Sequence[str]) -> Grouped:
        """Publish and group a night of tickets."""
        self.publish("support_tickets", night, ticket_rows(night, problems))
        return self.group("support_tickets", night)

    def reviews(self, night: int, *reviews: Sequence[str]) -> Grouped:
        """Publish and group a night of reviews, each with its points."""
        rows = [
            {"record_id": f"{night}-{number}", "feedback": [{"summary": point} for point in points]}
            for number, points in enumerate(reviews)
        ]
        self.publish("app_store_reviews", night, rows)
        return self.group("app_store_reviews", night)

    def items(self, pipeline: str, *nights: int) -> list[dict[str, Any]]:
        """Rows of `themes/items/`."""
        paths = [self.lake.theme_items(pipeline, *run_of(night)) for night in nights]
        return [row for path in paths for row in read_table(self.lake, path).to_pylist()]

    def table(self) -> list[dict[str, Any]]:
        """Rows of `themes/themes.parquet`."""
        return read_table(self.lake, self.lake.themes("themes.parquet")).to_pylist()

    def events(self) -> list[dict[str, Any]]:
        """Rows of `themes/events/`."""
        paths = self.lake.find(self.lake.themes("events"), "*.parquet")
        return [row for path in sorted(paths) for row in read_table(self.lake, path).to_pylist()]


def ticket_rows(night: int, problems: Sequence[str]) -> list[dict[str, Any]]:
    """Answers of a night of tickets."""
    return [{"record_id": f"{night}-{number}", "problem": problem} for number, problem in enumerate(problems)]


def run_of(night: int) -> tuple[date, str]:
    """Day and key of a night's run."""
    return FIRST_NIGHT + timedelta(night), f"night-{night}"


def grouped_in_nights(folder: Path | str, sentences: Sequence[str], nights: int) -> list[str]:
    """The theme of each sentence after so many nights; one that is in none is alone."""
    place = Nights(folder)
    parts = np.array_split(np.arange(len(sentences)), nights)
    for night, part in enumerate(parts):
        place.tickets(night, [sentences[at] for at in part])
    known = {f"{night}-{number}": at for night, part in enumerate(parts) for number, at in enumerate(part)}
    labels = [f"alone {at}" for at in range(len(sentences))]
    themes = read_themes(place.lake).themes
    for item in place.items("support_tickets", *range(nights)):
        if item["theme_id"]:
            labels[known[item["record_id"]]] = resolve(themes, item["theme_id"])
    return labels
