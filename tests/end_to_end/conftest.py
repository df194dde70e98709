"""One real Airflow for all end-to-end tests, as `make run` starts it, asking the fault server."""

import json
import os
import time
import urllib.error
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from include.lake.paths import Lake, manual_run_key, open_lake
from include.llm.ledger import scan_ledger
from include.local.airflow_api import AirflowApi
from include.local.children import Children
from include.local.ports import DIRECT, free_port
from include.local.standalone import standalone_environ, start_airflow
from include.report.run_page import UNFINISHED
from tests.fault_server.running import FaultServer
from tests.lake.tables import read_tables
from tests.report.mailbox import Mailbox, mail_server
from tests.servers.company_ca import CompanyCa

SECRET = "canary-key-5c1f"
RUN_SECONDS = 240.0
# Asked once a day, by the first night of it that asks anything.
CANARIES = 4


@dataclass
class Standalone:
    """A running Airflow with a lake of its own."""

    api: AirflowApi
    server: FaultServer
    lake: Lake
    home: Path
    source: Path
    mailbox: Mailbox
    url: str

    def write_source(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Write the texts that `support_tickets` reads."""
        self.source.write_text("".join(json.dumps(record) + "\n" for record in records))

    def run(self, run_id: str, **form: Any) -> str:
        """Trigger `support_tickets` and wait; returns the run's final state."""
        self.trigger(run_id, **form)
        return self.wait(run_id)

    def trigger(self, run_id: str, **form: Any) -> None:
        """Trigger `support_tickets`."""
        body = {"dag_run_id": run_id, "logical_date": None, "conf": form}
        self.api.call("PATCH", "dags/support_tickets", {"is_paused": False})
        self.api.call("POST", "dags/support_tickets/dagRuns", body)

    def mark_failed(self, run_id: str, task_id: str, map_index: int) -> None:
        """What the button of that name does."""
        path = f"dags/support_tickets/dagRuns/{run_id}/taskInstances/{task_id}/{map_index}"
        self.api.call("PATCH", path, {"new_state": "failed"})

    def mark_run(self, run_id: str, state: str) -> None:
        """What the run's own button does."""
        self.api.call("PATCH", f"dags/support_tickets/dagRuns/{run_id}", {"state": state})

    def clear(self, run_id: str, task: str | list[Any], *, downstream: bool) -> None:
        """Clear a task: its name, or its name and map index."""
        body = {"dag_run_id": run_id, "task_ids": [task], "include_downstream": downstream}
        self.api.call(
            "POST",
            "dags/support_tickets/clearTaskInstances",
            {**body, "dry_run": False, "only_failed": False, "reset_dag_runs": True},
        )

    def page(self, path: str) -> tuple[int, str]:
        """Status and text of one of Nightshift's pages; all of them are HTML under the same policy."""
        try:
            response = DIRECT.open(f"{self.url}/nightshift/{path}", timeout=60)
        except urllib.error.HTTPError as error:
            response = error
        with response:
            assert response.headers["Content-Type"].startswith("text/html"), path
            policy = response.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy and "frame-ancestors 'self'" in policy
            return response.status, response.read().decode()

    def log(self, run_id: str, task_id: str, map_index: int = -1) -> list[str]:
        """The lines of a task's log that people see, without the marks of Airflow's groups."""
        (task,) = [
            task
            for task in self.api.tasks("support_tickets", run_id)
            if (task["task_id"], task["map_index"]) == (task_id, map_index)
        ]
        path = f"dags/support_tickets/dagRuns/{run_id}/taskInstances/{task_id}/logs/{task['try_number']}"
        events = self.api.call("GET", f"{path}?map_index={map_index}&full_content=true")["content"]
        lines = [str(event["event"]) for event in events if isinstance(event, dict)]
        return [line for line in lines if "::" not in line]

    def answers_kept(self, run_id: str) -> int:
        """Answers in the ledger of an unfinished run."""
        folder = self.lake.work("support_tickets", manual_run_key(run_id), "ledger")
        return sum(entry.answer is not None for entry in scan_ledger(self.lake, folder))

    @staticmethod
    def wait_for(condition: Callable[[], Any], seconds: float = RUN_SECONDS) -> None:
        """Wait until something holds."""
        give_up_at = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < give_up_at
            time.sleep(0.5)

    def wait(self, run_id: str) -> str:
        """Wait for a run's end."""
        give_up_at = time.monotonic() + RUN_SECONDS
        while (state := self.api.state("support_tickets", run_id)) in UNFINISHED:
            assert time.monotonic() < give_up_at, f"{run_id} is still {state}"
            time.sleep(0.5)
        return state

    def row(self, run_id: str) -> dict[str, Any]:
        """The run's row in the lake."""
        rows = self.table("runs")
        (row,) = rows[(rows["run_id"] == run_id) & (rows["purpose"] != "canary")].to_dict("records")
        assert row["extracted"] == row["published"] + row["quarantined"] + row["skipped"]
        return row

    def table(self, name: str) -> pd.DataFrame:
        """A whole table of `support_tickets`."""
        rows = read_tables(self.lake, self.lake.files(name, "support_tickets"))
        return pd.DataFrame() if rows is None else rows.to_pandas()

    def current(self) -> pd.DataFrame:
        """What analysts read."""
        return pd.read_parquet(f"{self.lake.root}/current/support_tickets")


@pytest.fixture(scope="package")
def standalone(tmp_path_factory: pytest.TempPathFactory, company_ca: CompanyCa) -> Iterator[Standalone]:
    """An Airflow whose endpoint is the fault server, on a machine that knows a company's own authority."""
    folder = tmp_path_factory.mktemp("standalone")
    home, source = folder / "airflow", folder / "tickets.jsonl"
    home.mkdir()
    source.touch()
    with FaultServer() as server, mail_server() as mailbox, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(mailbox.connection()))
        patch.setenv("OPENAI_BASE_URL", server.base_url)
        patch.setenv("OPENAI_API_KEY", SECRET)
        patch.setenv("SSL_CERT_FILE", str(company_ca.certificate))
        patch.setenv("NIGHTSHIFT_LAKE", str(folder / "lake"))
        patch.setenv("NIGHTSHIFT_SOURCE_SUPPORT_TICKETS", str(source))
        patch.setenv("NIGHTSHIFT_CANARIES", str(CANARIES))
        environ = standalone_environ(home, free_port(18080), model_url=None)
        with Children(home / "logs" / "processes") as children:
            api = start_airflow(children, home, environ, print)
            assert api.wait_for_dag("support_tickets", 120), api.import_errors()
            lake, url = open_lake(environ["NIGHTSHIFT_LAKE"]), environ["AIRFLOW__API__BASE_URL"]
            yield Standalone(api, server, lake, home, source, mailbox, url)


def walk_logs(home: Path) -> Iterator[tuple[Path, str]]:
    """Every log file of an Airflow home with its text."""
    for folder, _, names in os.walk(home / "logs"):
        for name in names:
            path = Path(folder, name)
            yield path, path.read_text(errors="replace")
