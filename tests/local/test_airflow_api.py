"""`make run` outlives an api-server that fails for a moment."""

import json
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from include.local.airflow_api import AirflowApi


class Stumbling(BaseHTTPRequestHandler):
    """Carries out every call, answers each one's first try with 500, and knows a run that it has."""

    tries: Counter[tuple[str, str]]

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.tries[call := (self.command, self.path)] += 1
        is_again = self.tries[call] > 1
        status = 500 if not is_again else 409 if call == ("POST", "/api/v2/dags/a/dagRuns") else 200
        body = json.dumps({"access_token": "t", "state": "running", "is_paused": True}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PATCH = _answer  # noqa: N815

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def stumbling() -> Iterator[tuple[str, Counter[tuple[str, str]]]]:
    tries: Counter[tuple[str, str]] = Counter()
    handler = type("Handler", (Stumbling,), {"tries": tries})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", tries
        server.shutdown()


def test_a_call_that_the_api_server_fails_is_made_again(stumbling: tuple[str, Counter[tuple[str, str]]]) -> None:
    url, tries = stumbling
    api = AirflowApi(url, wait_seconds=0)
    # The first try has made the run: the second one's 409 says so.
    api.trigger("a", "run", {})
    assert api.state("a", "run") == "running"
    assert set(tries.values()) == {2}
    assert {command for command, _ in tries} == {"GET", "POST", "PATCH"}


def test_what_the_first_task_asks_of_the_api_server_is_built_before(
    stumbling: tuple[str, Counter[tuple[str, str]]],
) -> None:
    url, tries = stumbling
    AirflowApi(url).warm_up().join()
    assert tries == {("GET", "/execution/health"): 1}
