"""Report: the page that people read, and the message that carries its first lines."""

import logging
import posixpath
from collections.abc import Callable, Iterable, Mapping, Set
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from include.lake.lake_index import run_rows
from include.lake.paths import Lake
from include.lake.read import read_table
from include.lake.row_groups import file_schema, read_groups
from include.lake.schemas import RUNS_SCHEMA
from include.lake.write import write_bytes, write_table
from include.llm.endpoint import RECORDED_MODEL, Endpoint
from include.llm.providers.model_end import ModelEnd
from include.pipelines.definition import Pipeline
from include.quality.expectation_result import ExpectationResult
from include.report.by_date import ByDate, last_monday, read_by_date
from include.report.digest import Digest
from include.report.headline import night_headline, page_headline
from include.report.labelled import text_column
from include.report.notify import link_to, mail_page, send
from include.report.page import render_page
from include.report.purpose import is_recorded as is_recorded_run
from include.report.purpose import purpose_of
from include.report.quotes import Quotes
from include.report.records import feedback_rows, open_csv, read_columns, with_column
from include.report.report_input import ReportInput, Watched
from include.report.theme_items import ThemeItems, read_theme_items
from include.report.theme_rows import theme_rows
from include.stages.run_context import RunContext

log = logging.getLogger(__name__)

# A row as a dict takes more than its columns.
ROWS_AT_ONCE = 1_000
# News of a quiet month is bounded, so all nights of a month share its chance.
LOOKS_WITHIN = timedelta(days=28)


def report_run(
    lake: Lake,
    pipeline: Pipeline,
    run: RunContext,
    published: dict[str, Any],
    endpoint: Endpoint,
    watched: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write `reports/.../<run_key>.html` and send the headline where a connection for it exists.

    Args:
        published: what `publish_run` returned.
        watched: what `watch_run` returned, as a dict; None of a run that is no night, and where it has failed.

    Returns:
        `subject`, `lines`, `report` and `current` (where to look), `sent` (channels that were used).

    Raises:
        RetryLater: the lake cannot be read or written.
    """
    records = lake.run_file("reports", run.pipeline, run.run_date, run.run_key, suffix=".csv")
    runs = run_rows(lake, run.pipeline).rows.values()
    nights, themes = _nights(run, runs), _theme_items(lake, run, runs)
    said_of_themes = Quotes(pipeline.report_fields)
    digest, quotes, by_date = _feedback(lake, pipeline, run, records, nights, themes, said_of_themes)
    outcome = ReportInput(
        pipeline=pipeline,
        run=_with_times(published["run"]),
        digest=digest,
        quotes=quotes,
        records=posixpath.basename(records),
        quarantined=_quarantined(lake, run),
        skipped=published["skipped"],
        unreadable_values=published.get("unreadable_values", {}),
        expectations=[ExpectationResult(**fields) for fields in published["expectations"]],
        demo_model=endpoint.is_demo,
        data_docs={name: f"{run.run_key}.data_docs/{name}.html" for name in published["data_docs"]},
        by_date=by_date,
        dry_run=run.dry_run,
        no_flex=published.get("no_flex"),
        saved_usd=published.get("saved_usd"),
        model_end=ModelEnd(**end) if (end := published.get("model_end")) else None,
        watched=Watched(**watched) if watched else None,
        themes=theme_rows(pipeline, by_date, themes, said_of_themes) if themes and by_date else (),
    )
    page = render_page(outcome)
    path = lake.run_file("reports", run.pipeline, run.run_date, run.run_key, suffix=".html")
    write_bytes(lake, path, page.encode())
    news = page_headline(outcome)
    sent = _tell(lake, run, outcome, nights) if purpose_of(outcome.run) == "night" else []
    _take_back_reason(lake, run, outcome.run)
    log.info("%s\n%s\nreport: %s", news.subject, "\n".join(news.lines), lake.uri(path))
    return {
        "subject": news.subject,
        "lines": news.lines,
        "report": lake.uri(path),
        "current": published["current"],
        "sent": sent,
    }


def _tell(lake: Lake, run: RunContext, outcome: ReportInput, nights: Set[datetime]) -> list[str]:
    """Send the news of a night, and once a week the week's."""
    told = lake.run_file("reports", run.pipeline, run.run_date, run.run_key, suffix=".week-sent")
    carries = outcome.by_date is not None and outcome.by_date.whole_week is not None
    # A night that is made again is not told as the week's again, nor one that later nights have come after.
    is_weekly = carries and max(nights) <= run.window_end and not lake.has(told)
    news = page_headline(outcome) if is_weekly else night_headline(outcome)
    files = {"Report": ".html", "All quotes as CSV": ".csv"}
    links = {
        words: link_to(lake, run.pipeline, posixpath.splitext(told)[0] + suffix) for words, suffix in files.items()
    }
    sent = send(news, mail_page(news, links), links)
    if is_weekly and sent:
        write_bytes(lake, told, ", ".join(sent).encode())
    return sent


def _with_times(row: dict[str, Any]) -> dict[str, Any]:
    times = ("window_start", "window_end", "started_at", "finished_at")
    return {name: datetime.fromisoformat(value) if name in times and value else value for name, value in row.items()}


def _take_back_reason(lake: Lake, run: RunContext, row: Mapping[str, Any]) -> None:
    """A report that failed once has left its reason in the run's row; now there is none."""
    path = lake.run_file("runs", run.pipeline, run.run_date, run.run_key)
    if read_table(lake, path, ["reason"]).to_pylist() != [{"reason": row.get("reason")}]:
        write_table(lake, path, pa.Table.from_pylist([row], schema=RUNS_SCHEMA))


def _feedback(
    lake: Lake,
    pipeline: Pipeline,
    run: RunContext,
    records: str,
    nights: Set[datetime],
    themes: ThemeItems | None,
    said_of_themes: Quotes,
) -> tuple[Digest, Quotes, ByDate | None]:
    """What this run has published and what was said this week, looked at once; all of it goes to the CSV.

    Args:
        said_of_themes: gets it with the theme as topic.
    """
    names = pipeline.report_fields
    digest, quotes = Digest(names), Quotes(names)
    with open_csv(lake, records) as csv:

        def keep(rows: pa.Table) -> None:
            found = feedback_rows(rows, names, themes)
            quotes.take(found)
            if themes:
                said_of_themes.take(with_column(found, "topic", themes.only_largest(found["theme"])))
                found = with_column(found, "theme", themes.named(found["theme"]))
            csv.write(found)

        def keep_others(rows: pa.Table) -> None:
            is_own = pc.fill_null(pc.equal(text_column(rows, "run_id"), run.run_id), False)
            keep(rows.filter(pc.invert(is_own)))

        # First what has the columns of all.
        by_date = _by_date(lake, pipeline, run, nights, keep_others, themes)
        results = lake.run_file("results", run.pipeline, run.run_date, run.run_key)
        for rows in read_groups(lake, results, read_columns(file_schema(lake, results).names)):
            keep(rows)
            own = rows.select([name for name in digest.columns if name in rows.column_names])
            for part in own.to_batches(max_chunksize=ROWS_AT_ONCE):
                digest.take(part.to_pylist())
    return digest, quotes, by_date


def _quarantined(lake: Lake, run: RunContext) -> pd.DataFrame:
    path = lake.run_file("quarantine", run.pipeline, run.run_date, run.run_key)
    return read_table(lake, path, ["record_id", "stage", "error_type"]).to_pandas()


def _nights(run: RunContext, runs: Iterable[Mapping[str, Any]]) -> set[datetime]:
    """When the windows of all nights end that were answered by the same: models, or recorded answers."""
    is_recorded = run.model == RECORDED_MODEL
    return {run.window_end} | {
        row["window_end"]
        for row in runs
        if purpose_of(row) == "night" and row["state"] == "success" and is_recorded_run(row) == is_recorded
    }


def _theme_items(lake: Lake, run: RunContext, runs: Iterable[Mapping[str, Any]]) -> ThemeItems | None:
    """The themes of a night's pipeline; what anything else has answered is in none."""
    if run.purpose != "night":
        return None
    run_keys = {row["run_id"]: row["run_key"] for row in runs} | {run.run_id: run.run_key}
    path = lake.theme_items(run.pipeline, run.run_date, run.run_key)
    return read_theme_items(lake, run.pipeline, path, run_keys, is_recorded=run.model == RECORDED_MODEL)


def _by_date(
    lake: Lake,
    pipeline: Pipeline,
    run: RunContext,
    nights: Set[datetime],
    of_week: Callable[[pa.Table], object],
    themes: ThemeItems | None,
) -> ByDate | None:
    """The feedback by its own day, for a night; what anything else has answered is no news.

    The first night after Monday, 00:00, carries the week that has ended then, unless it is the first in four weeks.
    """
    if run.purpose != "night":
        return None
    earlier = {end for end in nights if run.window_end - LOOKS_WITHIN < end < run.window_end}
    return read_by_date(
        lake,
        pipeline,
        run.window_end,
        len(earlier) + 1,
        is_recorded=run.model == RECORDED_MODEL,
        of_week=of_week,
        whole_week=bool(earlier) and max(earlier) < last_monday(run.window_end, pipeline.timezone),
        themes=themes,
    )
