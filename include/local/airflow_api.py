"""The few calls of Airflow's REST API that `make run` needs."""

import http.client
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from include.local.ports import DIRECT
from include.report.run_page import UNFINISHED

CALL_SECONDS = 30.0
WARM_UP_SECONDS = 60.0
# A busy machine makes the api-server slow, and on SQLite it may lock its own database until a write gives up (its audit
# log is written in the event loop, which the other writer waits for); that must not end a run of hours.
TRIES = 8
WAIT_SECONDS = 1.0


def _status(error: requests.HTTPError) -> int | None:
    return None if error.response is None else error.response.status_code


class AirflowApi:
    """Airflow's REST API on this machine, as the standalone Airflow's admin.

    Args:
        base_url: of the api-server.
        wait_seconds: before a call that failed is made again.
    """

    def __init__(self, base_url: str, wait_seconds: float = WAIT_SECONDS) -> None:
        self._base_url, self._session = base_url, requests.Session()
        # No proxy and no .netrc of the environment knows this machine's server.
        self._session.trust_env = False
        self._session.headers["Accept"] = "application/json"
        again = Retry(
            TRIES - 1,
            allowed_methods=None,
            status_forcelist=range(500, 600),
            backoff_factor=wait_seconds,
            backoff_max=wait_seconds,
            raise_on_status=False,
        )
        self._session.mount(base_url, HTTPAdapter(max_retries=again))

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Call `/api/v2/<path>`.

        Raises:
            requests.RequestException: the server refuses, or was not there for several tries.
        """
        if "Authorization" not in self._session.headers:
            self._session.headers["Authorization"] = f"Bearer {self._send('GET', '/auth/token')['access_token']}"
        return self._send(method, f"/api/v2/{path}", body)

    def warm_up(self) -> threading.Thread:
        """Have the api-server build, beside everything else, what the first task asks of it: that takes seconds."""

        def ask() -> None:
            with (
                suppress(OSError, http.client.HTTPException),
                DIRECT.open(f"{self._base_url}/execution/health", timeout=WARM_UP_SECONDS),
            ):
                pass

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        return thread

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        response = self._session.request(method, f"{self._base_url}{path}", json=body, timeout=CALL_SECONDS)
        response.raise_for_status()
        answer: dict[str, Any] = response.json() if response.content else {}
        return answer

    def wait_for_dag(self, dag_id: str, seconds: float) -> bool:
        """Wait until the DAG processor has read a DAG; False if it has not by then."""
        give_up_at = time.monotonic() + seconds
        while time.monotonic() < give_up_at:
            try:
                self.call("GET", f"dags/{dag_id}")
                return True
            except requests.HTTPError as error:
                if _status(error) != 404:
                    raise
            time.sleep(0.5)
        return False

    def import_errors(self) -> list[str]:
        """Why DAG files could not be read."""
        errors = self.call("GET", "importErrors")["import_errors"]
        return [f"{error['filename']}: {error['stack_trace'].strip().splitlines()[-1]}" for error in errors]

    def set_pool(self, name: str, slots: int, description: str) -> None:
        """Create a pool, or give it that many slots."""
        pool = {
            "name": name,
            "slots": slots,
            "description": description,
            "include_deferred": False,
        }
        try:
            self.call("POST", "pools", pool)
        except requests.HTTPError as error:
            if _status(error) != 409:
                raise
            self.call("PATCH", f"pools/{name}", pool)

    def fail_unfinished_runs(self) -> int:
        """End runs that a killed `make run` left behind; they would keep new ones from starting."""
        query = "&".join(f"state={state}" for state in UNFINISHED)
        ended = 0
        # Page by page: a Backfill may have left more than one answer lists.
        while runs := self.call("GET", f"dags/~/dagRuns?{query}")["dag_runs"]:
            for run in runs:
                self.call("PATCH", self._run_path(run["dag_id"], run["dag_run_id"]), {"state": "failed"})
            ended += len(runs)
        return ended

    def trigger(self, dag_id: str, run_id: str, form: Mapping[str, Any]) -> None:
        """Un-pause a DAG and start a manual run of it with values of its trigger form."""
        if self.call("GET", f"dags/{dag_id}")["is_paused"]:
            self.call("PATCH", f"dags/{dag_id}", {"is_paused": False})
        body = {"dag_run_id": run_id, "logical_date": None, "conf": dict(form)}
        try:
            self.call("POST", f"dags/{dag_id}/dagRuns", body)
        except requests.HTTPError as error:
            # An earlier try of this very call has made the run, and its answer was lost.
            if _status(error) != 409:
                raise

    def state(self, dag_id: str, run_id: str) -> str:
        """State of a run: `queued`, `running`, `success` or `failed`."""
        state: str = self.call("GET", self._run_path(dag_id, run_id))["state"]
        return state

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Task instances of a run."""
        tasks: list[dict[str, Any]] = self.call("GET", f"{self._run_path(dag_id, run_id)}/taskInstances?limit=1000")[
            "task_instances"
        ]
        return tasks

    def headline(self, dag_id: str, run_id: str) -> str:
        """The first line of a finished run's report."""
        entry = self.call("GET", f"{self._run_path(dag_id, run_id)}/taskInstances/report/xcomEntries/return_value")
        subject: str = entry["value"]["subject"]
        return subject

    def last_error(self, dag_id: str, run_id: str, task: dict[str, Any]) -> str:
        """What the log of a failed task says went wrong."""
        path = f"{self._run_path(dag_id, run_id)}/taskInstances/{task['task_id']}/logs/{task['try_number']}"
        try:
            events = self.call("GET", f"{path}?map_index={task['map_index']}&full_content=true")["content"]
        except requests.HTTPError as error:
            return f"its log cannot be read ({error})"
        for event in reversed([event for event in events if isinstance(event, dict)]):
            details = event.get("error_detail")
            if details:
                return f"{details[0].get('exc_type')}: {details[0].get('exc_value')}"
            if event.get("level") in ("error", "critical"):
                return str(event.get("event"))
        return "its log says nothing"

    @staticmethod
    def _run_path(dag_id: str, run_id: str) -> str:
        return f"dags/{dag_id}/dagRuns/{quote(run_id, safe='')}"
