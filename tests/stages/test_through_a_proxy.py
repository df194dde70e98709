"""First question, fan-out and `make try` go the same way: through the proxy, to a certificate of the company's own."""

import json
from pathlib import Path

import pytest

from include.llm.endpoint import Endpoint
from include.local.try_prompt import main
from include.stages.airflow_run import endpoint_of_deployment
from tests.fault_server.plan import Plan
from tests.fault_server.running import FaultServer
from tests.servers.company_ca import CompanyCa
from tests.servers.connect_proxy import ConnectProxy
from tests.stages.running import Deployment, tickets

NAME = "llm.company.test"


class InTheCompany(Deployment):
    """Asks as the connection says."""

    @property
    def endpoint(self) -> Endpoint:
        """The connection's."""
        return endpoint_of_deployment()


@pytest.mark.parametrize("of_connection", [True, False])
def test_a_run_and_a_trial_go_through_the_proxy(
    of_connection: bool, tmp_path: Path, company_ca: CompanyCa, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(company_ca.certificate))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with (
        FaultServer(Plan(api_key="company-key"), certificate=company_ca.issue(NAME)) as server,
        ConnectProxy({NAME: server.port}, user="night:S3cret-pass") as proxy,
    ):
        way = f"http://night:S3cret-pass@{proxy.address}"
        monkeypatch.setenv("NIGHTSHIFT_PROXY", "http://127.0.0.1:9" if of_connection else way)
        connection = {"conn_type": "openai", "host": f"{NAME}/v1", "password": "company-key"}
        extra = {"extra": {"proxy": way}} if of_connection else {}
        monkeypatch.setenv("AIRFLOW_CONN_OPENAI_DEFAULT", json.dumps(connection | extra))
        deployment = InTheCompany(tmp_path, server.base_url)
        deployment.write_source(tickets(6))
        assert deployment.run()["published"] == 6
        asked = server.counters().requests
        assert asked == 7
        assert main(["--pipeline", "support_tickets", "--prompt", "v2", "--count", "2"]) == 0
        assert server.counters().requests == asked + 5
        assert set(proxy.asked) == {f"{NAME}:443"}
