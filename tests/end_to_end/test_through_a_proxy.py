"""A night through a company's own proxy, to an endpoint whose certificate the company has signed itself."""

import json

import pytest

from tests.end_to_end.conftest import Standalone, walk_logs
from tests.fault_server.plan import Plan
from tests.fault_server.running import FaultServer
from tests.fault_server.server import CHAT_PATH
from tests.servers.company_ca import CompanyCa
from tests.servers.connect_proxy import ConnectProxy
from tests.stages.running import tickets

pytestmark = pytest.mark.airflow

NAME = "llm.company.test"
KEY, PASSWORD, TOKEN = "company-key-8d2f", "proxy-word-77ab", "header-token-19fe"


def test_a_night_goes_through_the_proxy_to_a_certificate_of_the_company_s_own(
    standalone: Standalone, company_ca: CompanyCa
) -> None:
    standalone.server.set_plan(Plan())
    standalone.write_source(tickets(20, start=20_000))
    with (
        FaultServer(Plan(api_key=KEY, latency_seconds=0.01), certificate=company_ca.issue(NAME)) as server,
        ConnectProxy({NAME: server.port}, user=f"night:{PASSWORD}") as proxy,
    ):
        extra = {
            "proxy": f"http://night:{PASSWORD}@{proxy.address}",
            "openai_client_kwargs": {"default_headers": {"X-Token": TOKEN}, "organization": "org-1", "timeout": 60},
        }
        connection = {
            "connection_id": "openai_default",
            "conn_type": "openai",
            # As it stands in the gateway's own handbook.
            "host": f"https://{NAME}/v1/chat/completions",
            "password": KEY,
            "extra": json.dumps(extra),
        }
        standalone.api.call("POST", "connections", connection)
        try:
            assert standalone.run("manual__proxy") == "success"
        finally:
            standalone.api.call("DELETE", "connections/openai_default")
        assert standalone.row("manual__proxy")["published"] >= 20
        requests = server.log().requests
        # Whatever else is looked up, such as when the model ends, goes the same way with the same key.
        assert all(request.authorized for request in requests)
        assert {request.status for request in requests if request.path == CHAT_PATH} == {200}
        assert set(proxy.asked) == {f"{NAME}:443"}
    assert standalone.server.counters().requests == 0
    for path, text in walk_logs(standalone.home):
        assert not any(secret in text for secret in (KEY, PASSWORD, TOKEN)), path
