"""Watch: a night against those before it: did the customers, the model or the quality of its answers change?"""

import asyncio
import logging
import os
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from include.errors import NightshiftError
from include.lake.lake_index import run_rows
from include.lake.measured import read_measures
from include.lake.paths import Lake
from include.lake.read import read_table
from include.lake.schemas import MEASURES_SCHEMA
from include.lake.write import write_table
from include.llm.endpoint import RECORDED_MODEL, Endpoint
from include.pipelines.definition import Pipeline
from include.quality.canaries import labelled_against
from include.quality.drift import MODEL, NIGHTS, Night, Verdict, judge, nights_in_words
from include.quality.golden import load_golden, score_answers
from include.quality.measures import Measure, measures_table, share_measure
from include.report.purpose import is_recorded, purpose_of
from include.report.report_input import Watched
from include.stages.canaries import Canaries, ask_canaries
from include.stages.run_context import RunContext

log = logging.getLogger(__name__)

# The prompt, the schema or the redaction of the very canaries is another one, under the same name.
QUESTION = "question"
_OWN = ("canary_flip", "golden_score", "drift", "theme_count")
# In a night's numbers; a field of an answer has no space in its name.
_HELD, _LENGTH, _COST = "in quarantine", "length of the texts", "cost of an answer"


@dataclass(frozen=True)
class _Earlier:
    """A night before this one: its file and row in `runs/`, and its numbers."""

    path: str
    row: Mapping[str, Any]
    night: Night


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
    row = published["run"]
    if not row["published"]:
        return Watched("Nothing new was published, so there is nothing to compare.")
    before, marks = _before(lake, run, row)
    nights = [one.path for one in before]
    try:
        canaries = await ask_canaries(lake, pipeline, run, published, nights, endpoint, environ, count_shards)
    except NightshiftError:
        # What the customers said does not wait for an endpoint: no later night groups the items of this one.
        await asyncio.to_thread(_themes, lake, pipeline, run)
        raise
    if canaries.is_other_question:
        before, marks = [], [*marks, "The question itself is another one since the canaries of the night before."]
    path = lake.run_file("measures", run.pipeline, run.run_date, run.run_key)
    # Other columns are those of another version.
    measures = read_table(lake, path).select(MEASURES_SCHEMA.names)
    measures = measures.filter(pc.invert(pc.is_in(measures["measure"], pa.array(_OWN))))
    night = replace(_night(measures), flipped=sum(canaries.flips), canaries=len(canaries.flips))
    labels = load_golden(pipeline) if pipeline.golden_path.exists() else {}
    labelled = labelled_against(pipeline.answer, labels, canaries.answers_before, canaries.answers)
    verdict = judge(night, [one.night for one in before], labelled)
    found = [*_canaries(pipeline, run, canaries, labels), *_drift(verdict, canaries.is_other_question)]
    try:
        found += await asyncio.to_thread(_themes, lake, pipeline, run)
    finally:
        write_table(lake, path, pa.concat_tables([measures, measures_table(row, found)]))
    log.info("%s", verdict.sentence)
    since = f" since {_day(before[0].row)}" if before else ""
    moves = [move.says for move in verdict.moves]
    with_what = f"Compared with {nights_in_words(len(before))}{since}"
    lines = [f"{with_what}: shares of all closed fields, lengths, quarantine and cost."]
    return Watched(verdict.sentence, [*marks, *moves, *lines, *canaries.lines], list(verdict.causes))


def _themes(lake: Lake, pipeline: Pipeline, run: RunContext) -> list[Measure]:
    """Group what the night has published, and count it by theme."""
    # Its libraries take a second to import.
    from include.themes.night import group_night

    grouped = group_night(lake, pipeline, run.run_date, run.run_key)
    n = sum(grouped.counts.values()) + grouped.loose
    return [Measure("theme_count", "theme", theme, float(count), n=n) for theme, count in grouped.counts.items()]


def _before(lake: Lake, run: RunContext, row: Mapping[str, Any]) -> tuple[list[_Earlier], list[str]]:
    """The nights to compare with, oldest first, and in sentences across what nothing is compared.

    Those of another model or prompt are none of them, nor are those before a night on which the model or the question
    changed under its name.
    """
    rows = run_rows(lake, run.pipeline).rows
    nights = [
        (other["window_end"], path)
        for path, other in rows.items()
        if (purpose_of(other), other["state"]) == ("night", "success")
        and other["published"]
        and (other["window_end"] < run.window_end and other["run_id"] != run.run_id)
        and is_recorded(other) == (run.model == RECORDED_MODEL)
    ]
    last = [path for _, path in sorted(nights)[-NIGHTS:]]
    same = [path for path in last if _asked(rows[path]) == _asked(row)]
    marks = []
    if others := sorted({_asked(rows[path]) for path in last} - {_asked(row)}):
        left = f"{len(last) - len(same)} of the last {nights_in_words(len(last))}, by {', '.join(others)}"
        marks.append(f"A mark, no news: this night is of {_asked(row)}, and {left}, have no part in this.")
    measured = read_measures(lake, run.pipeline, [lake.beside(path, "measures") for path in same]) if same else {}
    found: list[_Earlier] = []
    for path in same:
        if (measures := measured.get(lake.beside(path, "measures"))) is None:
            continue
        found.append(_Earlier(path, rows[path], _night(measures)))
        if found[-1].night.has_step:
            since = _day(rows[path])
            marks.append(f"Nothing is compared with nights before {since}, when answers changed by themselves.")
            found = found[-1:]
    if {one.row.get("redaction_version") for one in found} - {None, row.get("redaction_version")}:
        marks.append("Some of the nights were redacted by other rules.")
    return found, marks


def _asked(row: Mapping[str, Any]) -> str:
    return f"{row['prompt_version']} on {row['model']}"


def _day(row: Mapping[str, Any]) -> str:
    return f"{row['window_end']:%d %b %Y}"


def _night(measures: pa.Table) -> Night:
    """A night from its rows of `measures/`."""
    counts, levels = defaultdict[str, dict[str, int]](dict), dict[str, float]()
    of_run, flips, has_step = dict[str, float](), (0, 0), False
    for row in measures.to_pylist():
        number = row["number"]
        match row["measure"], row["field"]:
            case "share", name if row["occurred_on"] is None and row["basis"] == "observed":
                counts[name][row["value"]] = round(number * row["n"])
            case "p50", "text_characters" if number:
                levels[_LENGTH] = number
            case "count", "quarantined":
                counts[_HELD][row["value"]] = round(number)
            case "count" | "cost", name:
                of_run[name] = number or 0.0
            case "canary_flip", _:
                flips = round(number * row["n"]), row["n"]
            case "drift", None:
                has_step |= row["value"] in (MODEL, QUESTION)
    counts[_HELD]["none"] = round(of_run.get("published", 0))
    paid = of_run.get("published", 0) - of_run.get("reused", 0)
    if paid > 0 and of_run.get("cost_usd"):
        levels[_COST] = of_run["cost_usd"] / paid
    return Night(counts, levels, *(flips if not has_step else (0, 0)), has_step)


def _drift(verdict: Verdict, is_other_question: bool) -> list[Measure]:
    causes = [*verdict.causes, *([QUESTION] if is_other_question else [])]
    whole = [Measure("drift", None, cause, n=verdict.nights, says=verdict.sentence) for cause in causes or ["none"]]
    rows = []
    for move in verdict.moves:
        low, high = move.interval or (None, None)
        rows.append(Measure("drift", move.field, move.value, move.now, low, high, move.n, move.says))
    return [*whole, *rows]


def _canaries(pipeline: Pipeline, run: RunContext, canaries: Canaries, labels: Mapping[str, Any]) -> list[Measure]:
    found = []
    if flips := canaries.flips:
        share = share_measure("", "", sum(flips), len(flips))
        found.append(replace(share, measure="canary_flip", field=None, value=None))
    pairs = [(answer, labels[key]) for key, answer in canaries.answers.items() if key in labels]
    scores = score_answers(pipeline.answer, pairs, run.model) if pairs else {}
    return [*found, *(Measure("golden_score", name, number=one.score, n=one.golden) for name, one in scores.items())]
