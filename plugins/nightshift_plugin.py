"""What Nightshift adds to Airflow's UI: a page of all runs, and the report as a tab of each run.

The pages are read from the lake at each request and carry a policy that lets no script run, because reports quote
what customers and models wrote.
"""

from typing import Annotated, Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import requires_access_dag, requires_authenticated
from airflow.plugins_manager import AirflowPlugin
from fastapi import Depends, FastAPI, HTTPException, Path
from fastapi.responses import HTMLResponse

POLICY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
}

app = FastAPI(title="Nightshift", docs_url=None, redoc_url=None, openapi_url=None)


@app.get("/runs", dependencies=[Depends(requires_authenticated())])
def runs() -> HTMLResponse:
    """All runs of all pipelines, newest first."""
    from include.report.runs_page import runs_page

    return HTMLResponse(runs_page(_lake()), headers=POLICY)


@app.get("/reports/{dag_id}/{run_id}", dependencies=[Depends(requires_access_dag("GET", DagAccessEntity.RUN))])
def report(dag_id: Annotated[str, Path()], run_id: Annotated[str, Path()]) -> HTMLResponse:
    """The report of one run."""
    from include.report.runs_page import report_of_run

    page = report_of_run(_lake(), dag_id, run_id)
    if page is None:
        raise HTTPException(404, f"Run {run_id} of {dag_id} has no report (yet).")
    return HTMLResponse(page, headers=POLICY)


def _lake() -> Any:
    from include.lake.paths import open_lake
    from include.settings import lake_uri

    return open_lake(lake_uri())


class NightshiftPlugin(AirflowPlugin):
    """Registers the pages above."""

    name = "nightshift"
    fastapi_apps = [{"app": app, "url_prefix": "/nightshift", "name": "Nightshift"}]  # noqa: RUF012, Airflow's own form
    external_views = [  # noqa: RUF012
        {
            "name": "Nightshift runs",
            "href": "/nightshift/runs",
            "destination": "nav",
            "category": "browse",
            "url_route": "nightshift-runs",
        },
        {
            "name": "Report",
            "href": "/nightshift/reports/{DAG_ID}/{RUN_ID}",
            "destination": "dag_run",
            "url_route": "nightshift-report",
        },
    ]
