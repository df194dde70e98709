"""From the Dockerfile to a published night: every service of `docker-compose.yaml`, a browser, a worker that dies."""

import http.cookiejar
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from include.lake.paths import open_lake
from tests.fault_server.plan import Plan
from tests.fault_server.running import FaultServer
from tests.lake.tables import read_tables
from tests.servers.s3 import S3Server
from tests.topology.image import build
from tests.topology.services import SERVICES, Topology

pytestmark = [pytest.mark.long, pytest.mark.slow]

DAG = "support_tickets"
RECORDS, SHARD_RECORDS, IN_FLIGHT, LATENCY_SECONDS = 120, 30, 2, 4.0
FLUSH_SECONDS = 2.0
WORKERS = ("worker-1", "worker-2")


class Browser:
    """A person at the UI: a login form, and then a cookie."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        )

    def log_in(self, name: str, password: str) -> None:
        page = self.get("/auth/login/")[1]
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        assert token, page
        form = {"csrf_token": token[1], "username": name, "password": password}
        self._opener.open(f"{self._base_url}/auth/login/", urllib.parse.urlencode(form).encode(), timeout=60)

    def get(self, path: str) -> tuple[int, str]:
        try:
            with self._opener.open(self._base_url + path, timeout=60) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def call(self, method: str, path: str, body: dict[str, Any]) -> Any:
        url, headers = f"{self._base_url}{path}", {"Content-Type": "application/json"}
        request = urllib.request.Request(url, json.dumps(body).encode(), headers, method=method)
        with self._opener.open(request, timeout=60) as response:
            return json.load(response)


@dataclass
class Deployment:
    """All that runs, and an administrator who is logged in."""

    topology: Topology
    server: FaultServer
    admin: Browser

    def trigger(self, run_id: str, **form: Any) -> None:
        body = {"dag_run_id": run_id, "logical_date": None, "conf": form}
        self.admin.call("POST", f"/api/v2/dags/{DAG}/dagRuns", body)

    def read(self, path: str) -> dict[str, Any]:
        status, page = self.admin.get(f"/api/v2/{path}")
        assert status == 200, f"{status}: {page}\n{self.topology.log('airflow-apiserver')}"
        found: dict[str, Any] = json.loads(page)
        return found

    def nights(self) -> list[str]:
        found = self.read(f"dags/{DAG}/dagRuns?run_type=scheduled")
        return [run["dag_run_id"] for run in found["dag_runs"]]

    def state(self, run_id: str) -> str:
        return str(self.read(f"dags/{DAG}/dagRuns/{run_id}")["state"])

    def shards(self, run_id: str) -> list[dict[str, Any]]:
        found = self.read(f"dags/{DAG}/dagRuns/{run_id}/taskInstances?limit=100")
        return [task for task in found["task_instances"] if task["task_id"] == "infer" and task["map_index"] >= 0]

    def wait(self, run_id: str, seconds: float = 400.0) -> None:
        self.topology.wait_until(lambda: self.state(run_id) not in ("queued", "running"), f"{run_id} ends", seconds)
        assert self.state(run_id) == "success"

    def row(self, run_id: str) -> dict[str, Any]:
        lake = open_lake(self.topology.env_file["NIGHTSHIFT_LAKE"])
        rows = read_tables(lake, lake.files("runs", DAG))
        assert rows is not None
        (row,) = [row for row in rows.to_pylist() if row["run_id"] == run_id]
        assert row["extracted"] == row["published"] + row["quarantined"] + row["skipped"]
        return row


@pytest.fixture(scope="module")
def deployment(s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("topology")
    image = build(folder / "image")
    (image.home / "data").mkdir()
    texts = (
        {"id": f"T-{n}", "text": f"Order {n} never came. Send it again.", "created_at": "2026-11-01"}
        for n in range(RECORDS)
    )
    (image.home / "data" / "tickets.jsonl").write_text("".join(json.dumps(text) + "\n" for text in texts))
    s3_server.file_system().mkdir("nightshift")
    with FaultServer(Plan(latency_seconds=LATENCY_SECONDS), process=True) as server:
        settings = {
            **s3_server.environ,
            "NIGHTSHIFT_LAKE": "s3://nightshift/lake",
            "OPENAI_BASE_URL": server.base_url,
            "OPENAI_API_KEY": "key",
            "NIGHTSHIFT_MODEL": "gpt-4.1-mini",
            "NIGHTSHIFT_SOURCE_SUPPORT_TICKETS": "/opt/airflow/data/tickets.jsonl",
            "NIGHTSHIFT_SHARD_RECORDS": str(SHARD_RECORDS),
            # What the server is asked is counted.
            "NIGHTSHIFT_CANARIES": "0",
            "NIGHTSHIFT_IN_FLIGHT": str(IN_FLIGHT),
            "NIGHTSHIFT_LEDGER_FLUSH_SECONDS": str(FLUSH_SECONDS),
        }
        with Topology(image, folder, settings) as topology:
            for name in WORKERS:
                topology.start("airflow-worker", name)
            admin = Browser(topology.base_url)
            admin.log_in(topology.env_file["AIRFLOW_USER"], topology.env_file["AIRFLOW_PASSWORD"])
            topology.wait_until(lambda: admin.get(f"/api/v2/dags/{DAG}")[0] == 200, "the DAGs are read")
            admin.call("PATCH", f"/api/v2/dags/{DAG}", {"is_paused": False})
            deployment = Deployment(topology, server, admin)
            # A DAG that is un-paused runs the last night at once.
            topology.wait_until(deployment.nights, "the first night is due")
            deployment.wait(deployment.nights()[0])
            server.reset()
            yield deployment


def test_every_service_is_healthy_by_its_own_check(deployment: Deployment) -> None:
    for service in ("airflow-apiserver", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer"):
        deployment.topology.wait_until_healthy(service)
    for name in WORKERS:
        deployment.topology.wait_until_healthy("airflow-worker", name)
    assert {name for name in SERVICES if name.startswith("airflow-")} - {"airflow-worker", "airflow-cli"} <= set(
        deployment.topology.processes
    )


def test_a_shard_goes_on_whether_its_worker_was_killed_or_told_to_stop(
    deployment: Deployment, s3_environ: dict[str, str]
) -> None:
    topology, server = deployment.topology, deployment.server
    deployment.trigger("killed", since="2026-10-01T00:00:00+00:00", reprocess="all")
    topology.wait_until(lambda: server.counters().requests > 4 * IN_FLIGHT, "shards ask")
    topology.kill("worker-1")
    topology.start("airflow-worker", "worker-1")
    deployment.wait("killed")
    assert deployment.row("killed")["published"] == RECORDS
    twice = server.counters().answered_ok - RECORDS
    # The first question of `plan`, and what each of four shards had on its way or not yet in its ledger.
    assert twice <= 1 + 4 * IN_FLIGHT * (1 + (FLUSH_SECONDS + 1.0) / LATENCY_SECONDS)
    assert 4 == len(deployment.shards("killed")) == RECORDS // SHARD_RECORDS

    server.reset()
    deployment.trigger("stopped", since="2026-10-01T00:00:00+00:00", reprocess="all")
    topology.wait_until(lambda: server.counters().requests > 4 * IN_FLIGHT, "shards ask again")
    worker = topology.processes.pop("worker-2")
    worker.terminate()
    assert worker.wait(120) == 0
    deployment.wait("stopped")
    assert deployment.row("stopped")["published"] == RECORDS
    assert server.counters().answered_ok - RECORDS <= 1


def test_a_role_without_rights_sees_no_run(deployment: Deployment) -> None:
    topology = deployment.topology
    topology.run("airflow roles create Nobody")
    topology.run(
        "airflow users create --role Nobody --username guest --password guest-password "
        "--firstname Guest --lastname Guest --email guest@localhost"
    )
    guest = Browser(topology.base_url)
    guest.log_in("guest", "guest-password")
    status, page = guest.get("/nightshift/runs")
    assert status == 403 and "s3://" not in page and DAG not in page
    status, page = deployment.admin.get("/nightshift/runs")
    assert status == 200 and DAG in page


def test_init_again_keeps_the_pool_and_a_broken_database_ends_it(deployment: Deployment) -> None:
    topology = deployment.topology
    pool = {"pool": "llm", "slots": 7, "include_deferred": False}
    deployment.admin.call("PATCH", "/api/v2/pools/llm?update_mask=slots", pool)
    topology.kill("airflow-init")
    assert topology.start("airflow-init").wait(300) == 0, topology.log("airflow-init")
    assert deployment.read("pools/llm")["slots"] == 7
    broken = topology.environ("airflow-init") | {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql+psycopg2://@/gone?host=/nowhere"
    }
    assert topology.start("airflow-init", "broken-init", broken).wait(300) != 0
    assert "OperationalError" in topology.log("broken-init")
