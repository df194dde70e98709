"""Nightshift's routes answer with a page, whatever happens: never JSON, never a stack trace."""

import importlib.util
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fastapi import HTTPException
from fastapi.testclient import TestClient

from include.lake.paths import open_lake
from include.lake.write import write_bytes

# The plugin imports Airflow's web server.
pytestmark = pytest.mark.slow

PLUGIN = Path(__file__).parents[2] / "plugins" / "nightshift_plugin.py"
PATHS = ("/runs", "/reports/support_tickets/manual__1", "/reports/support_tickets/x.data_docs/records.html")


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The plugin as a module of its own, with an empty lake."""
    monkeypatch.setenv("NIGHTSHIFT_LAKE", str(tmp_path / "lake"))
    return open_plugin()


def open_plugin() -> ModuleType:
    """The plugin as a module of its own."""
    spec = importlib.util.spec_from_file_location("nightshift_plugin_alone", PLUGIN)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def client(plugin: ModuleType, guard: Any) -> TestClient:
    """A browser whose right to read is decided by `guard`, in the place of Airflow's auth manager."""
    for route in plugin.app.routes:
        for dependency in route.dependencies:
            plugin.app.dependency_overrides[dependency.dependency] = guard
    return TestClient(plugin.app, raise_server_exceptions=False)


def refuses(status: int) -> Any:
    def guard() -> None:
        raise HTTPException(status, "Forbidden")

    return guard


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("status", "says"), [(401, "not logged in"), (403, "may not read")])
def test_who_may_not_read_gets_a_page(plugin: ModuleType, path: str, status: int, says: str) -> None:
    response = client(plugin, refuses(status)).get(path)
    assert response.status_code == status
    assert response.headers["content-type"].startswith("text/html")
    assert "frame-ancestors 'self'" in response.headers["content-security-policy"]
    assert says in response.text


@pytest.mark.parametrize(
    "path",
    [
        "/reports/some_other_dag/manual__1",
        "/reports/some_other_dag/x.data_docs/records.html",
        "/reports/support_tickets/x.data_docs/records.html",
        "/reports/support_tickets/x.data_docs/..%5Crecords.html",
        "/reports/..%2f..%2fruns/x.data_docs/records.html",
        "/nothing",
    ],
)
def test_what_is_not_there_gets_a_page(plugin: ModuleType, path: str) -> None:
    response = client(plugin, lambda: None).get(path)
    assert response.status_code in (404, 503)
    assert response.headers["content-type"].startswith("text/html")


def test_a_lake_that_cannot_be_read_gets_a_page_that_names_it(
    plugin: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_LAKE", "nowhere://lake")
    response = client(plugin, lambda: None).get("/reports/support_tickets/x.data_docs/records.html")
    assert response.status_code == 503
    assert "NIGHTSHIFT_LAKE" in response.text


def test_every_route_is_guarded(plugin: ModuleType) -> None:
    assert plugin.app.routes
    for route in plugin.app.routes:
        assert route.dependencies


def test_who_may_read_no_pipeline_s_runs_does_not_see_even_where_the_lake_is(plugin: ModuleType) -> None:
    from airflow.api_fastapi.app import create_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.api_fastapi.core_api.security import get_user

    create_auth_manager()
    plugin.app.dependency_overrides[get_user] = lambda: SimpleAuthManagerUser(username="guest", role=None)
    response = TestClient(plugin.app).get("/runs")
    assert response.status_code == 403
    assert "may not read" in response.text and "lake" not in response.text


def test_an_old_page_is_found_by_the_row_of_its_run(plugin: ModuleType, tmp_path: Path) -> None:
    lake = open_lake(str(tmp_path / "lake"))
    for day, run_key in ((3, "night"), (4, "other")):
        path = lake.run_file("runs", "support_tickets", date(2026, 1, day), run_key)
        write_bytes(lake, path, b"a row")
        write_bytes(lake, lake.beside(path, "reports", ".data_docs/records.html"), f"of {run_key}".encode())
    response = client(plugin, lambda: None).get("/reports/support_tickets/night.data_docs/records.html")
    assert response.text == "of night"


def test_the_csv_beside_a_report_is_a_download(plugin: ModuleType, tmp_path: Path) -> None:
    lake = open_lake(str(tmp_path / "lake"))
    path = lake.run_file("runs", "support_tickets", date(2026, 1, 3), "night")
    write_bytes(lake, path, b"a row")
    write_bytes(lake, lake.beside(path, "reports", ".csv"), b"date,topic\n" * 200_000)
    response = client(plugin, lambda: None).get("/reports/support_tickets/night.csv")
    assert response.content == b"date,topic\n" * 200_000
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"] == 'attachment; filename="support_tickets-night.csv"'
    assert response.headers["x-content-type-options"] == "nosniff"
