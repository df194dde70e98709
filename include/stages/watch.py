"""Watch: a night against those before it: did the customers, the model or the quality of its answers change?"""

import asyncio
import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from include.lake.lake_index import run_rows
from include.lake.measured import read_measures
from include.lake.paths import Lake
from include.lake.read import read_table
from include.lake.schemas import CANARIES_SCHEMA, MEASURES_SCHEMA
from include.lake.write import write_table
from include.llm.endpoint import RECORDED_MODEL, Endpoint
from include.llm.prices import usd
from include.pipelines.definition import Pipeline
from include.quality.canaries import flipped_fields, labelled_against
from include.quality.drift import MODEL, NIGHTS, Labelled, Night, Verdict, judge, nights_in_words
from include.quality.golden import FieldScore, load_golden, score_answers
from include.quality.measures import Measure, measures_table, share_measure
from include.report.purpose import is_recorded, purpose_of
from include.report.report_input import Watched
from include.stages.canaries import Asked, ask_canaries, beside_key, canaries_path
from include.stages.run_context import RunContext

log = logging.getLogger(__name__)

# The prompt, the schema or the redaction of the very canaries is another one, under the same name.
QUESTION = "question"
_OWN = ("canary_flip", "golden_score", "drift", "theme_count")
# In a night's numbers; a field of an answer has no space in its name.
_HELD, _LENGTH, _COST = "in quarantine", "length of the texts", "cost of an answer"


@dataclass(frozen=True)
class _Earlier:
    """A night before this one: its file and row in `runs/`, and its measures."""

    path: str
    row: Mapping[str, Any]
    measures: pa.Table

    @property
    def is_other(self) -> bool:
        """Whether the model or the question has changed with it."""
        rows = self.measures.filter(pc.equal(self.measures["measure"], "drift")).to_pylist()
        return any(row["field"] is None and row["value"] in (MODEL, QUESTION) for row in rows)


async def watch_run(
    lake: Lake,
    pipeline: Pipeline,
    run: RunContext,
    published: Mapping[str, Any],
    endpoint: Endpoint,
    environ: Mapping[str, str] = os.environ,
    count_shards: Callable[[], int] = lambda: 1,
) -> Watched | None:
    """Ask a night's canaries, compare it with the nights before, group its items; what came of it is in `measures/`.

    Done again it replaces what it has written, and asks nobody.

    Args:
        published: what `publish_run` returned.

    Returns:
        What the report says of it; None of a trial and a dry run, which are compared with nothing.

    Raises:
        StopRun, RetryLater, ConfigurationError: the canaries cannot be asked, or the lake not be read or written.
    """
    if run.purpose != "night":
        return None
    asked = await ask_canaries(lake, pipeline, run, published, endpoint, environ, count_shards)
    row = published["run"]
    if not row["published"]:
        return Watched("Nothing new was published, so there is nothing to compare.")
    path = lake.run_file("measures", run.pipeline, run.run_date, run.run_key)
    measures = read_table(lake, path)
    measures = measures.filter(pc.invert(pc.is_in(measures["measure"], pa.array(_OWN))))
    alike, marks = _alike(lake, run, row)
    canaries = _Canaries.read(lake, pipeline, run, asked, alike)
    if canaries.is_other_question:
        alike, marks = [], [*marks, "The question itself is another one since the canaries of the night before."]
    night = replace(_night(measures), flipped=canaries.flipped, canaries=canaries.compared)
    verdict = judge(night, [_night(one.measures, knows_flips=not one.is_other) for one in alike], canaries.labelled)
    causes = [*verdict.causes, *([QUESTION] if canaries.is_other_question else [])]
    found = [*canaries.measures(), *_drift(verdict, causes)]
    try:
        found += await asyncio.to_thread(_themes, lake, pipeline, run)
    finally:
        # Other columns are those of another version.
        tables = [measures.select(MEASURES_SCHEMA.names), measures_table(row, found)]
        write_table(lake, path, pa.concat_tables(tables))
    log.info("%s", verdict.sentence)
    first = f" since {alike[0].row['window_end']:%d %b %Y}" if alike else ""
    moves = [move.says for move in verdict.moves]
    with_what = f"Compared with {nights_in_words(len(alike))}{first}"
    lines = [f"{with_what}: shares of all closed fields, lengths, quarantine and cost."]
    return Watched(verdict.sentence, [*marks, *moves, *lines, *canaries.lines], list(verdict.causes))


def _themes(lake: Lake, pipeline: Pipeline, run: RunContext) -> list[Measure]:
    """Group what the night has published, and count it by theme."""
    # Its libraries take a second to import.
    from include.themes.night import group_night

    grouped = group_night(lake, pipeline, run.run_date, run.run_key)
    n = sum(grouped.counts.values()) + grouped.loose
    return [Measure("theme_count", "theme", theme, float(count), n=n) for theme, count in grouped.counts.items()]


def _alike(lake: Lake, run: RunContext, row: Mapping[str, Any]) -> tuple[list[_Earlier], list[str]]:
    """The nights to compare with, oldest first, and in sentences across what nothing is compared.

    Those of another model or prompt are none of them, nor are those before a night on which the model or the question
    changed under its name.
    """
    nights = []
    for path, other in run_rows(lake, run.pipeline).rows.items():
        is_night = purpose_of(other) == "night" and other["state"] == "success" and other["published"]
        is_before = other["window_end"] < run.window_end and other["run_id"] != run.run_id
        if is_night and is_before and is_recorded(other) == (run.model == RECORDED_MODEL):
            nights.append((other["window_end"], path, other))
    last = sorted(nights, key=lambda night: night[:2])[-NIGHTS:]
    same = [night for night in last if _asked(night[2]) == _asked(row)]
    marks = []
    if others := sorted({_asked(other) for _, _, other in last} - {_asked(row)}):
        named = ", ".join(map(_in_words, others))
        left = f"{len(last) - len(same)} of the last {nights_in_words(len(last))}, by {named}"
        marks.append(f"A mark, no news: this night is of {_in_words(_asked(row))}, and {left}, have no part in this.")
    paths = {path: lake.beside(path, "measures") for _, path, _ in same}
    measured = read_measures(lake, run.pipeline, list(paths.values())) if paths else {}
    found: list[_Earlier] = []
    for _, path, other in same:
        if paths[path] not in measured:
            continue
        one = _Earlier(path, other, measured[paths[path]])
        if one.is_other:
            since = f"{other['window_end']:%d %b %Y}"
            marks.append(f"Nothing is compared with nights before {since}, when answers changed by themselves.")
            found.clear()
        found.append(one)
    versions = {one.row.get("redaction_version") for one in found} - {None, row.get("redaction_version")}
    if versions:
        marks.append("Some of the nights were redacted by other rules.")
    return found, marks


def _asked(row: Mapping[str, Any]) -> tuple[str, str]:
    return str(row["model"]), str(row["prompt_version"])


def _in_words(asked: tuple[str, str]) -> str:
    return f"{asked[1]} on {asked[0]}"


def _night(measures: pa.Table, knows_flips: bool = True) -> Night:
    """A night from its rows of `measures/`.

    Args:
        knows_flips: whether its canaries show what is usual; on the night of a change they do not.
    """
    counts: dict[str, dict[str, int]] = {}
    levels: dict[str, float] = {}
    of_run: dict[str, float] = {}
    flips = (0, 0)
    for row in measures.to_pylist():
        number = row["number"]
        match row["measure"], row["field"]:
            case "share", name if row["occurred_on"] is None and row["basis"] == "observed":
                counts.setdefault(name, {})[row["value"]] = round(number * row["n"])
            case "p50", "text_characters":
                levels[_LENGTH] = number
            case "count", "quarantined":
                counts.setdefault(_HELD, {})[row["value"]] = round(number)
            case "count", name:
                of_run[name] = number
            case "cost", _:
                of_run["cost"] = number or 0.0
            case "canary_flip", None if knows_flips:
                flips = round(number * row["n"]), row["n"]
    counts.setdefault(_HELD, {})["none"] = round(of_run.get("published", 0))
    paid = of_run.get("published", 0) - of_run.get("reused", 0)
    if paid > 0 and of_run.get("cost"):
        levels[_COST] = of_run["cost"] / paid
    return Night(counts, {name: level for name, level in levels.items() if level > 0}, *flips)


def _drift(verdict: Verdict, causes: Sequence[str]) -> list[Measure]:
    whole = [Measure("drift", None, cause, n=verdict.nights, says=verdict.sentence) for cause in causes or ["none"]]
    rows = []
    for move in verdict.moves:
        low, high = move.interval or (None, None)
        rows.append(Measure("drift", move.field, move.value, move.now, low, high, move.n, move.says))
    return [*whole, *rows]


@dataclass(frozen=True)
class _Canaries:
    """A night's canaries beside those of nights before.

    Args:
        flipped, compared: how many are answered otherwise than the night before, of those that were asked the same.
        scores: by field, of those with a golden label.
        lines: of the report.
    """

    flipped: int = 0
    compared: int = 0
    is_other_question: bool = False
    labelled: Labelled | None = None
    scores: Mapping[str, FieldScore] | None = None
    lines: Sequence[str] = ()

    @classmethod
    def read(
        cls, lake: Lake, pipeline: Pipeline, run: RunContext, asked: Asked, alike: Sequence[_Earlier]
    ) -> "_Canaries":
        """Compare them, and keep in `canaries/` which have flipped."""
        if not asked.rows:
            return cls(lines=[f"No canaries: {asked.why_none}."])
        beside = [
            lake.beside(one.path, "canaries", f"{beside_key(run).removeprefix(run.run_key)}.parquet") for one in alike
        ]
        before = [path for path in beside if path in asked.files]
        last = _by_key(lake, before[-1]) if before else {}
        rows = []
        for row in asked.rows:
            then = last.get(row["answer_key"])
            flipped = None if then is None else flipped_fields(pipeline.answer, _answer(then), _answer(row))
            rows.append({**row, "flipped": flipped})
        write_table(lake, canaries_path(lake, run), pa.Table.from_pylist(rows, schema=CANARIES_SCHEMA))
        compared = [row["flipped"] for row in rows if row["flipped"] is not None]
        labels = load_golden(pipeline) if pipeline.golden_path.exists() else {}
        now = {row["record_id"]: _answer(row) for row in rows}
        first = _by_key(lake, before[0]) if len(before) > 1 else last
        then = {row["record_id"]: _answer(first[row["answer_key"]]) for row in rows if row["answer_key"] in first}
        pairs = [(now[key], labels[key]) for key in now if key in labels]
        unanswered = sum(answer is None for answer in now.values())
        lines = [f"{len(rows)} canaries were asked for {usd(asked.cost_usd)}; {unanswered} got no answer."]
        if asked.over_budget:
            lines.append(f"{asked.over_budget} more were not asked, because the budget of the run was used up.")
        return cls(
            flipped=sum(map(bool, compared)),
            compared=len(compared),
            is_other_question=not compared and not now.keys().isdisjoint(row["record_id"] for row in last.values()),
            labelled=labelled_against(pipeline.answer, labels, then, now),
            scores=score_answers(pipeline.answer, pairs, run.model) if pairs else None,
            lines=lines,
        )

    def measures(self) -> list[Measure]:
        """For `measures/`."""
        found = []
        if self.compared:
            found.append(
                replace(
                    share_measure("", "", self.flipped, self.compared), measure="canary_flip", field=None, value=None
                )
            )
        for name, score in (self.scores or {}).items():
            found.append(Measure("golden_score", name, number=score.score, n=score.golden))
        return found


def _by_key(lake: Lake, path: str) -> dict[str, dict[str, Any]]:
    return {row["answer_key"]: row for row in read_table(lake, path).to_pylist()}


def _answer(row: Mapping[str, Any]) -> dict[str, Any] | None:
    answer: dict[str, Any] | None = None if row["answer"] is None else json.loads(row["answer"])
    return answer
