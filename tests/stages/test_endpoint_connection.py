"""The Airflow connection `openai_default`: which endpoint it names, and that a broken one asks nobody else."""

import json
import traceback
from typing import Any

import pytest
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import ErrorResponse, ErrorType
from airflow.sdk.execution_time.secrets import ExecutionAPISecretsBackend
from airflow.sdk.log import redact

from include.errors import ConfigurationError, RetryLater
from include.llm.endpoint import RECORDED_MODEL
from include.stages import endpoint_connection
from include.stages.airflow_run import endpoint_of_deployment

IN_HOUSE = "https://vllm.company.test/v1"
PERSONAL = "sk-personal-key-of-the-shell"


@pytest.fixture(autouse=True)
def shell(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell with a key of its own, which must reach api.openai.com only."""
    monkeypatch.setenv("OPENAI_API_KEY", PERSONAL)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


def connection(**fields: Any) -> str:
    """A connection as JSON."""
    return json.dumps({"conn_type": "openai", **fields})


@pytest.mark.parametrize(
    ("value", "base_url", "key"),
    [
        (connection(host=IN_HOUSE, password="in-house-key"), IN_HOUSE, "in-house-key"),
        (connection(host=f" {IN_HOUSE}/\n", password=" in-house-key\n"), IN_HOUSE, "in-house-key"),
        (connection(host=IN_HOUSE), IN_HOUSE, None),
        (connection(password="in-house-key"), "https://api.openai.com/v1", "in-house-key"),
        (connection(host="https://api.openai.com/v1"), "https://api.openai.com/v1", PERSONAL),
        (
            connection(host="http://vllm.company.test", port=8000, schema="v1", password="in-house-key"),
            "http://vllm.company.test:8000/v1",
            "in-house-key",
        ),
        (connection(host="http://vllm.test:8000/v1/", port=8000), "http://vllm.test:8000/v1", None),
        (connection(host="vllm.company.test/v1", password="in-house-key"), IN_HOUSE, "in-house-key"),
        ("openai://:in-house-key@vllm.company.test:8000/v1", "https://vllm.company.test:8000/v1", "in-house-key"),
        (connection(host="vllm.test", port=8000, schema="http"), "http://vllm.test:8000", None),
        ("openai://:in-house-key@https%3A%2F%2Fvllm.company.test%2Fv1", IN_HOUSE, "in-house-key"),
        ("openai://https://:in-house-key@vllm.company.test%2Fv1", IN_HOUSE, "in-house-key"),
        (connection(password="k-1", extra={"openai_client_kwargs": {"base_url": IN_HOUSE}}), IN_HOUSE, "k-1"),
        (connection(password="k-1", extra={"base_url": IN_HOUSE}), IN_HOUSE, "k-1"),
        (connection(host=IN_HOUSE, extra=json.dumps({"api_key": "k-1"})), IN_HOUSE, "k-1"),
        (connection(host=IN_HOUSE, extra={"openai_client_kwargs": {"api_key": "k-1"}}), IN_HOUSE, "k-1"),
    ],
)
def test_a_connection_names_the_endpoint(
    value: str, base_url: str, key: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OPENAI_DEFAULT", value)
    endpoint = endpoint_of_deployment()
    assert (endpoint.base_url, endpoint.api_key, endpoint.is_demo) == (base_url, key, False)


OWN = {
    "default_headers": {"X-Token": "token-S3cret"},
    "default_query": {"api-version": "2024-10-21"},
    "organization": "org-1",
    "project": "proj-1",
    "timeout": 30,
    "dialect": {"structure": "tool", "body": {"provider": {"require_parameters": True}}},
    "proxy": "http://night:proxy-S3cret@proxy.company.test:3128",
}


@pytest.mark.parametrize("extra", [OWN, {"openai_client_kwargs": OWN}])
def test_a_connection_says_what_is_sent_along_and_none_of_it_is_logged(
    extra: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-the-shell")
    monkeypatch.setenv("AIRFLOW_CONN_OPENAI_DEFAULT", connection(host=IN_HOUSE, password="k-1", extra=extra))
    endpoint = endpoint_of_deployment()
    assert endpoint.headers == {"OpenAI-Organization": "org-1", "OpenAI-Project": "proj-1", "X-Token": "token-S3cret"}
    assert (endpoint.query, endpoint.timeout_seconds) == ({"api-version": "2024-10-21"}, 30.0)
    assert (endpoint.proxy, endpoint.dialect) == (OWN["proxy"], OWN["dialect"])
    said = str(redact("token-S3cret and proxy-S3cret, not org-1 of 2024-10-21"))
    assert said == "*** and ***, not org-1 of 2024-10-21"


def test_a_connection_is_never_asked_for_recorded_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.setenv("NIGHTSHIFT_RECORDED_URL", "http://127.0.0.1:8189/v1")
    assert endpoint_of_deployment().is_recorded
    monkeypatch.setenv("AIRFLOW_CONN_OPENAI_DEFAULT", connection(host=IN_HOUSE))
    assert not endpoint_of_deployment().is_recorded
    with pytest.raises(ConfigurationError, match=f"{RECORDED_MODEL} is the name of the answers"):
        endpoint_of_deployment(RECORDED_MODEL)


SECRET = "in-house-S3cret"


@pytest.mark.parametrize(
    "value",
    [
        connection(host=IN_HOUSE, password=SECRET)[:-1] + ",}",
        f"{{conn_type: openai, host: {IN_HOUSE}, password: {SECRET}}}",
        connection(host=SECRET, password=SECRET),
        f"openai://:{SECRET}@vllm.company.test:port/v1",
        f"openai://:{SECRET}@[vllm",
        connection(host=IN_HOUSE, password="k-1", extra=f"{{{SECRET}"),
        connection(host=IN_HOUSE, password="k-1", extra=f'["{SECRET}"]'),
        connection(host=IN_HOUSE, password="k-1", extra={"openai_client_kwargs": f"api_key={SECRET}"}),
        connection(host=IN_HOUSE, extra={"api_key": [SECRET]}),
        connection(host=IN_HOUSE, login=SECRET),
        connection(host=IN_HOUSE, password=f"{SECRET} {SECRET}"),
        connection(host=f"https://night:{SECRET}@vllm.company.test/v1"),
        connection(host="http://169.254.169.254/v1", password=SECRET),
        connection(),
        "openai",
        SECRET,
        " ",
    ],
)
def test_a_broken_connection_is_an_error_that_shows_nothing_of_it(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OPENAI_DEFAULT", value)
    with pytest.raises(ConfigurationError, match="openai_default") as caught:
        endpoint_of_deployment()
    shown = "".join(traceback.format_exception(caught.value))
    assert SECRET not in shown
    assert PERSONAL not in shown


class Supervisor:
    """Airflow's supervisor, which a task asks for connections."""

    def __init__(self, said: Any) -> None:
        self._said = said

    def send(self, message: Any) -> Any:
        """Answer, or fail as its socket does."""
        if isinstance(self._said, Exception):
            raise self._said
        return self._said


@pytest.mark.parametrize(
    ("said", "is_readable"),
    [
        (ErrorResponse(error=ErrorType.CONNECTION_NOT_FOUND, detail={}), True),
        (ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"message": "InvalidToken"}), False),
        (ErrorResponse(error=ErrorType.GENERIC_ERROR, detail={}), False),
        (RuntimeError("API_SERVER_ERROR"), False),
        (EOFError("closed"), False),
    ],
)
def test_only_not_found_lets_the_environment_decide(
    said: Any, is_readable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_OPENAI_DEFAULT", raising=False)
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", Supervisor(said), raising=False)
    if is_readable:
        assert endpoint_of_deployment().api_key == PERSONAL
    else:
        with pytest.raises(RetryLater, match="openai_default"):
            endpoint_of_deployment()


def test_a_task_that_may_not_read_the_connection_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_OPENAI_DEFAULT", raising=False)
    denied = ErrorResponse(error=ErrorType.PERMISSION_DENIED, detail={})
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", Supervisor(denied), raising=False)
    with pytest.raises(ConfigurationError, match="openai_default"):
        endpoint_of_deployment()


class BrokenVault:
    """A secrets backend of the deployment that is away."""

    def get_connection(self, conn_id: str) -> None:
        """Fail as a client of a vault does."""
        raise OSError("the vault is sealed")


def test_a_secrets_backend_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_OPENAI_DEFAULT", raising=False)
    monkeypatch.setattr(endpoint_connection, "ensure_secrets_backend_loaded", lambda: [BrokenVault()])
    with pytest.raises(RetryLater, match="openai_default"):
        endpoint_of_deployment()


def test_the_execution_api_is_one_of_the_places_that_a_task_looks_in(monkeypatch: pytest.MonkeyPatch) -> None:
    said = ErrorResponse(error=ErrorType.CONNECTION_NOT_FOUND, detail={})
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", Supervisor(said), raising=False)
    backends = endpoint_connection.ensure_secrets_backend_loaded()
    assert any(isinstance(backend, ExecutionAPISecretsBackend) for backend in backends)
