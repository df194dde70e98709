"""`make explain`: all that the lake knows of one record.

make explain RECORD=T-0017                              in every pipeline of the lake
make explain RECORD=T-0017 PIPELINE=support_tickets     in one

It prints what the customer wrote, redacted, to the terminal of the person who asks; nothing of it goes to a log.
"""

import json
import os
import posixpath
import sys
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from include.errors import ConfigurationError, NightshiftError
from include.lake.answer_index import find_answers
from include.lake.columns import NAME, RESULT_SYSTEM_COLUMNS
from include.lake.effort import Effort
from include.lake.lake_index import run_rows
from include.lake.paths import Lake, is_trial, open_lake
from include.lake.record_history import FILE, RecordHistory, Rows, record_history
from include.lake.row_groups import read_groups
from include.local.terminal import words
from include.pages.render import moment
from include.privacy.policy import kinds_in
from include.report.purpose import purpose_of
from include.settings import lake_uri
from include.themes.state import read_themes
from include.themes.theme import resolve

_FOLDERS = ("raw", "results", "quarantine")
# They join the parts of one letter, and do nothing else.
_JOINERS = "\u200c\u200d"


def explain(lake: Lake, record_id: str, pipeline: str | None = None) -> tuple[str, bool]:
    """What is known of a record, in words, and whether there is such a record.

    Args:
        pipeline: where to look; None: in all that the lake has.

    Raises:
        ConfigurationError: the lake has no such pipeline, or none at all.
        RetryLater: a file of the lake cannot be read.
    """
    found = {posixpath.basename(path) for table in _FOLDERS for path in lake.find(f"{lake.root}/{table}", "*")}
    pipelines = sorted(filter(NAME.match, found))
    if not pipelines or (pipeline and pipeline not in pipelines):
        which = f"pipeline {pipeline!r}" if pipeline and pipelines else "record"
        there = f"There are: {', '.join(pipelines)}." if pipelines else "NIGHTSHIFT_LAKE names another."
        raise ConfigurationError(f"There is no {which} in the lake {lake.uri(lake.root)}. {there}")
    histories = [record_history(lake, name, record_id) for name in ([pipeline] if pipeline else pipelines)]
    parts = [_said(lake, record_id, history) for history in histories if any(history.rows.values())]
    if not parts:
        ids = {history.pipeline: _some_ids(lake, history.pipeline) for history in histories}
        looked = words("explain_none.txt.j2", record_id=record_id, lake=lake, histories=histories, ids=ids)
        return _printable(looked), False
    return _printable("\n".join(parts)), True


def _said(lake: Lake, record_id: str, history: RecordHistory) -> str:
    rows = history.rows
    outcomes = sorted([*rows["results"], *rows["quarantine"]], key=lambda row: str(row["processed_at"]))
    pulls = sorted(rows["raw"], key=lambda row: row["changed_at"] or row["occurred_at"])
    costs = [Effort.of_row(row).cost_usd for row in outcomes]
    return words(
        "explain.txt.j2",
        _FILTERS,
        record_id=record_id,
        pipeline=history.pipeline,
        now=_now(rows, pulls, outcomes),
        newest=[*rows["themes"], *rows["canaries"], *rows["audit"], *outcomes, *pulls][-1],
        versions={row["record_version"]: row for row in pulls},
        pulls=pulls,
        outcomes=outcomes,
        payers=_payers(lake, history.pipeline, rows["results"]),
        cost_usd=None if None in costs else sum(cost for cost in costs if cost),
        audit=rows["audit"],
        canaries=rows["canaries"],
        themes=_themes(lake, rows["themes"]),
        runs={row["run_id"]: row for row in run_rows(lake, history.pipeline).rows.values()},
        root=f"{lake.root}/",
    )


def _now(rows: Mapping[str, Rows], pulls: Rows, outcomes: Rows) -> list[str]:
    """What analysts read of it, and what becomes of its newest version."""
    current = rows["current"][0] if rows["current"] else None
    said = ["Analysts do not read it: it is not in current/."]
    if current is not None:
        said = [f"Analysts read version {current['record_version']}, as run {current['run_id']} published it."]
    of_nights = [row for row in outcomes if not is_trial(row[FILE])]
    version = pulls[-1]["record_version"] if pulls else None
    own = [row for row in of_nights if version in (None, row["record_version"])]
    if own and own[-1]["error_type"]:
        row = own[-1]
        said.append(f"Version {row['record_version']} is in quarantine since {moment(row['processed_at'])}.")
    elif pulls and not own:
        due = not all(is_trial(row[FILE]) for row in pulls)
        said.append(
            f"Version {version} has no outcome of a night: "
            + ("it waits, and the next run takes it up." if due else "only a trial has pulled it.")
        )
    return said


def _answer(row: Mapping[str, Any]) -> dict[str, Any]:
    """What the model answered."""
    others = (*RESULT_SYSTEM_COLUMNS, FILE)
    return {name: value for name, value in row.items() if name not in others and not name.startswith("attr_")}


def _payers(lake: Lake, pipeline: str, results: Rows) -> dict[str, dict[str, Any]]:
    """By answer key the row for which an answer that is reused was paid."""
    keys = {row["answer_key"] for row in results if row["reused"]}
    columns = ("answer_key", "reused", "run_id", "record_id")
    found = [row for _, rows in find_answers(lake, pipeline, keys, columns) for row in rows]
    return {row["answer_key"]: row for row in found if not row["reused"]}


def _themes(lake: Lake, items: Rows) -> list[tuple[str, str, str]]:
    """Of each sentence that is in a theme: the theme as it is called now, its id, the sentence."""
    found = [(row["theme_id"], row["summary"]) for row in items if row["theme_id"]]
    themes = read_themes(lake).themes if found else {}
    now = [(themes[resolve(themes, theme_id)], summary) for theme_id, summary in found]
    return [(theme.name or "not named yet", theme.theme_id, summary) for theme, summary in now]


def _some_ids(lake: Lake, pipeline: str) -> list[str]:
    files = lake.files("raw", pipeline)
    groups = (rows for path in reversed(files) for rows in read_groups(lake, path, ["record_id"]) if rows.num_rows)
    rows = next(groups, None)
    return [] if rows is None else rows["record_id"].slice(0, 3).to_pylist()


def _lines(value: Any) -> list[str]:
    """A value of an answer; of a list one line each."""
    if isinstance(value, str):
        return value.splitlines() or [""]
    if isinstance(value, list) and value:
        return [line for element in value for line in _lines(element)]
    return [json.dumps(value, ensure_ascii=False, default=str)]


def _printable(text: str) -> str:
    """Without what a terminal would obey or hide: control characters and changes of direction are shown as escapes."""
    hidden = ("Cc", "Cf", "Cs", "Zl", "Zp")
    return "".join(
        letter.encode("unicode_escape").decode()
        if unicodedata.category(letter) in hidden and letter not in f"\n{_JOINERS}"
        else letter
        for letter in text
    )


_FILTERS: dict[str, Callable[..., Any]] = {"answer": _answer, "lines": _lines, "moment": moment}
_FILTERS |= {"kinds": kinds_in, "purpose": purpose_of}


def main(environ: Mapping[str, str] = os.environ) -> int:
    """The command behind `make explain`; what it is asked for comes by the environment, as a shell would change it."""
    record_id = environ.get("RECORD")
    if not record_id:
        print("make explain: name a record by its id: make explain RECORD=T-0017", file=sys.stderr)
        return 2
    try:
        said, is_found = explain(open_lake(lake_uri(environ)), record_id, environ.get("PIPELINE") or None)
    except NightshiftError as error:
        print(f"make explain: {_printable(str(error))}", file=sys.stderr)
        return 1
    print(said)
    return 0 if is_found else 1


if __name__ == "__main__":
    sys.exit(main())
