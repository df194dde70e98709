"""The page of all runs in Airflow's UI, and the way from a run to its report."""

import html
from typing import Any

from include.lake.paths import Lake
from include.lake.read import read_tables
from include.pipelines.registry import pipeline_names

SHOWN_RUNS = 200
_COLUMNS = (
    "pipeline",
    "run_id",
    "state",
    "finished_at",
    "extracted",
    "published",
    "reused",
    "quarantined",
    "skipped",
    "requests",
    "cost_usd",
    "model",
    "prompt_version",
)
_STYLE = """
body { font: 14px/1.5 system-ui, sans-serif; margin: 24px; color: #1f2933; background: #fff; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: 6px 10px; border-bottom: 1px solid #e4e7eb; }
td.run_id, td.model { overflow-wrap: anywhere; }
td.number { white-space: nowrap; text-align: right; font-variant-numeric: tabular-nums; }
.failed { color: #b42318; font-weight: 600; }
"""


def runs_page(lake: Lake) -> str:
    """HTML table of the newest runs of all pipelines."""
    rows = sorted(_all_runs(lake), key=lambda row: row["started_at"], reverse=True)[:SHOWN_RUNS]
    head = "".join(f"<th>{name.replace('_', ' ')}</th>" for name in _COLUMNS)
    body = "".join(f"<tr>{''.join(_cell(name, row[name]) for name in _COLUMNS)}</tr>" for row in rows)
    empty = "" if rows else "<p>No run has finished yet. Trigger a DAG, and its run stands here.</p>"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Nightshift runs</title><style>{_STYLE}</style>'
        f"<h1>Nightshift runs</h1><p>The lake is {html.escape(lake.uri(lake.root))}. A run's report is the tab "
        f"<i>Report</i> of its page.</p><table><tr>{head}</tr>{body}</table>{empty}</html>"
    )


def report_of_run(lake: Lake, pipeline: str, run_id: str) -> str | None:
    """The report of one run, None when there is none."""
    if pipeline not in pipeline_names():
        return None
    for path in reversed(lake.files("reports", pipeline, suffix=".html")):
        key = path.rpartition("/")[2].removesuffix(".html")
        runs_path = f"{lake.table('runs', pipeline)}/{path.split('/')[-2]}/{key}.parquet"
        runs = read_tables(lake, [runs_path] if lake.fs.exists(runs_path) else [], ("run_id",))
        if runs is not None and run_id in runs["run_id"].to_pylist():
            page: bytes = lake.fs.cat_file(path)
            return page.decode()
    return None


def _all_runs(lake: Lake) -> list[dict[str, Any]]:
    paths = [path for name in pipeline_names() for path in lake.files("runs", name)]
    runs = read_tables(lake, paths)
    return [] if runs is None else runs.to_pylist()


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "<td>–</td>"
    if name == "finished_at":
        return f"<td>{value:%Y-%m-%d %H:%M}</td>"
    if isinstance(value, float):
        return f'<td class="number">{value:.4f}</td>'
    if isinstance(value, int):
        return f'<td class="number">{value:,}</td>'
    mark = "failed" if value == "failed" else name
    return f'<td class="{mark}">{html.escape(str(value))}</td>'
