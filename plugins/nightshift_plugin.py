"""What Nightshift adds to Airflow's UI: a page of all runs, and each run's page or report as a tab of it.

The pages are read from the lake and Airflow's database at each request and carry a policy that lets no script run,
because reports quote what customers and models wrote. Errors are pages too.
"""

import re
from contextlib import suppress
from typing import Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag, requires_authenticated
from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin
from fastapi import Depends, FastAPI, Path, Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse
from sqlalchemy.orm import object_session
from starlette.exceptions import HTTPException

POLICY = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
# Names of files that the lake has made itself; what else a path may hold, above all `..`, is not looked for.
FILE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,180}$")
PIECE_BYTES = 1024 * 1024
ERRORS = {
    401: "You are not logged in. Log in to Airflow and open this page again.",
    403: "You may not read this DAG's runs. Ask whoever runs this Airflow for it.",
}

app = FastAPI(title="Nightshift", docs_url=None, redoc_url=None, openapi_url=None)
MayRead = Depends(requires_access_dag("GET", DagAccessEntity.RUN))
Name = Annotated[str, Path()]


@app.get("/runs", dependencies=[Depends(requires_authenticated())])
def runs(session: SessionDep, user: GetUserDep) -> HTMLResponse:
    """The runs of all pipelines whose runs the user may read, newest first."""
    from include.pipelines.registry import pipeline_names
    from include.report.runs_page import runs_page
    from include.stages.run_view import states_in_airflow

    def may_read(dag_id: str) -> bool:
        return get_auth_manager().is_authorized_dag(
            method="GET", access_entity=DagAccessEntity.RUN, details=DagDetails(id=dag_id), user=user
        )

    readable = [name for name in pipeline_names() if may_read(name)]
    if not readable:
        raise HTTPException(403)
    return _page(runs_page(_lake(), states_in_airflow(session, readable), readable))


@app.get("/reports/{dag_id}/{run_id}", dependencies=[MayRead])
def report(dag_id: Name, run_id: Name, session: SessionDep, run: str | None = None) -> Response:
    """The report of one run; while it has none, what the run is at or why it failed.

    Args:
        run_id: or the name of a report's file or of its CSV, for links that hold for the files too; `run` is then the
            run to go back to.
    """
    from include.pipelines.registry import pipeline_names
    from include.stages.run_view import dag_run_of, page_of

    if dag_id not in pipeline_names():
        raise HTTPException(404, f"{dag_id} is none of Nightshift's pipelines, so its runs have no report.")
    if run_id.endswith(".csv") and (records := _records(dag_id, run_id)):
        return records
    dag_run = dag_run_of(session, dag_id, run or run_id)
    if dag_run is None and run_id.endswith(".html"):
        return _page(_file(dag_id, run_id))
    if dag_run is None:
        raise HTTPException(404, f"Airflow knows no run {run_id} of {dag_id}.")
    return _page(page_of(_lake(), session, dag_run))


@app.get("/reports/{dag_id}/{folder}/{name}", dependencies=[MayRead])
def data_docs(dag_id: Name, folder: Name, name: Name) -> HTMLResponse:
    """A page of Data Docs: reports link to it by a path that holds for their file, too."""
    if not FILE.match(folder) or not folder.endswith(".data_docs"):
        raise HTTPException(404, f"There is no page {folder}/{name}.")
    return _page(_file(dag_id, f"{folder}/{name}", name))


@app.exception_handler(HTTPException)
def refused(request: Request, error: HTTPException) -> HTMLResponse:
    """What cannot be shown, as a page."""
    return _message(error.status_code, ERRORS.get(error.status_code, str(error.detail)))


@app.exception_handler(Exception)
def failed(request: Request, error: Exception) -> HTMLResponse:
    """A lake that is away, as a page; only our own errors are quoted."""
    from include.errors import NightshiftError

    said = str(error) if isinstance(error, NightshiftError) else f"The api-server's log has the {type(error).__name__}."
    return _message(503, f"This page cannot be made now. {said}")


def _file(dag_id: str, path: str, name: str | None = None) -> bytes:
    with suppress(FileNotFoundError):
        page: bytes = _lake().fs.cat_file(_found(dag_id, path, name))
        return page
    raise HTTPException(404, f"There is no page {path} of {dag_id}.")


def _records(dag_id: str, path: str) -> Response | None:
    """A report's CSV, piece by piece: that of a large night fits into nobody's memory."""
    from include.lake.paths import open_lake
    from include.settings import lake_uri

    with suppress(FileNotFoundError, HTTPException):
        file = open_lake(lake_uri()).fs.open(_found(dag_id, path), "rb")
        headers = {**POLICY, "Content-Disposition": f'attachment; filename="{dag_id}-{path}"'}
        return StreamingResponse(iter(lambda: file.read(PIECE_BYTES), b""), 200, headers, "text/csv; charset=utf-8")
    return None


def _found(dag_id: str, path: str, name: str | None = None) -> str:
    lake, suffix = _lake(), path.rpartition(".")[2]
    if not FILE.match(name or path) or suffix not in ("html", "csv"):
        raise HTTPException(404, f"There is no page {path}.")
    # `<run_key>.html`, or a page of `<run_key>.data_docs/`.
    run_key = path.partition("/")[0].removesuffix(f".{suffix}").removesuffix(".data_docs")
    runs_path = lake.runs_path(dag_id, run_key)
    if runs_path is None:
        raise HTTPException(404, f"There is no page {path} of {dag_id}.")
    return lake.beside(runs_path, "reports", path.removeprefix(run_key))


def _page(page: str | bytes, status: int = 200) -> HTMLResponse:
    return HTMLResponse(page, status, headers=POLICY)


def _message(status: int, sentence: str) -> HTMLResponse:
    from include.pages.render import render

    return _page(render("message.html.j2", status=status, sentence=sentence), status)


def _lake() -> Any:
    from include.lake.paths import open_lake
    from include.settings import lake_uri

    # Nobody waits for minutes in front of a page.
    return open_lake(lake_uri()).hurried


class MarkedByHand:
    """Leaves the row of a run that a person marked; the ends that the scheduler sees have callbacks of their own."""

    @hookimpl
    def on_dag_run_failed(self, dag_run: Any, msg: str) -> None:
        """Called by the api-server and by the scheduler."""
        self._end(dag_run, msg, "failed")

    @hookimpl
    def on_dag_run_success(self, dag_run: Any, msg: str) -> None:
        """Called by the api-server and by the scheduler."""
        self._end(dag_run, msg, "success")

    @staticmethod
    def _end(dag_run: Any, msg: str, state: str) -> None:
        # The scheduler's words are other ones, and it must not wait for a lake.
        if "manually" not in msg:
            return
        from include.pipelines.registry import pipeline_names
        from include.stages.ending import end_by_hand
        from include.stages.run_view import context_of

        if dag_run.dag_id in pipeline_names():
            end_by_hand(_lake(), context_of(object_session(dag_run), dag_run), state)


class NightshiftPlugin(AirflowPlugin):
    """Registers the pages above."""

    name = "nightshift"
    listeners = [MarkedByHand()]  # noqa: RUF012, Airflow's own form
    fastapi_apps = [{"app": app, "url_prefix": "/nightshift", "name": "Nightshift"}]  # noqa: RUF012
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
