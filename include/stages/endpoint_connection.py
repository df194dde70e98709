"""The Airflow connection `openai_default`: read whole, or an error, or surely not there.

Airflow says "not found" also of a connection that is there and cannot be read, because it goes on to the next place
where connections are kept. A run would then ask another provider, and send it the texts.
"""

import json
from typing import Any

from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowException, AirflowNotFoundException, AirflowRuntimeError
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import ErrorResponse, ErrorType, GetConnection
from airflow.sdk.execution_time.secrets import ExecutionAPISecretsBackend
from airflow.sdk.execution_time.supervisor import ensure_secrets_backend_loaded

from include.errors import ConfigurationError, RetryLater

CONNECTION_ID = "openai_default"
_WHERE = "Look at it with `airflow connections get openai_default`, or at AIRFLOW_CONN_OPENAI_DEFAULT, and correct it."


def connection_settings() -> tuple[str | None, str | None, dict[str, Any]] | None:
    """Key, base URL and extra of the connection, None for what it does not name; None when there is none.

    Host, port and schema together make the base URL; `api_key` and `base_url` may also stand in the extra, at its top
    or in `openai_client_kwargs`, whose names are at the top of the extra that is returned.

    Raises:
        ConfigurationError: the connection cannot be read, or makes no sense. No message shows what is in it.
        RetryLater: whoever keeps it does not answer.
    """
    connection = _connection()
    if connection is None:
        return None
    extra = _extra(connection)
    key, base_url = connection.password or extra.get("api_key"), _base_url(connection) or extra.get("base_url")
    if not isinstance(key, str | None) or not isinstance(base_url, str | None):
        raise ConfigurationError(f"api_key and base_url of the connection {CONNECTION_ID} must be texts. {_WHERE}")
    if not key and connection.login:
        raise ConfigurationError(
            f"The connection {CONNECTION_ID} has a login and no password. The key goes into the password. {_WHERE}"
        )
    if not key and not base_url:
        raise ConfigurationError(f"The connection {CONNECTION_ID} names neither a host nor a key. {_WHERE}")
    return key, base_url, extra


def _connection() -> Connection | None:
    try:
        return BaseHook.get_connection(CONNECTION_ID)
    except AirflowNotFoundException:
        pass
    except (AirflowException, AirflowRuntimeError, PermissionError) as error:
        raise _unreadable(error) from None
    for backend in ensure_secrets_backend_loaded():
        try:
            if isinstance(backend, ExecutionAPISecretsBackend):
                # It takes every error for "not found".
                _check_api_has_none()
            elif found := backend.get_connection(CONNECTION_ID):
                return found
        except Exception as error:
            # Without its cause: a parser's message may hold what it could not parse.
            raise _unreadable(error) from None
    return None


def _check_api_has_none() -> None:
    said = task_runner.SUPERVISOR_COMMS.send(GetConnection(conn_id=CONNECTION_ID))
    if not isinstance(said, ErrorResponse) or said.error is not ErrorType.CONNECTION_NOT_FOUND:
        raise ConnectionError("the api-server does not give it")


def _unreadable(error: Exception) -> ConfigurationError | RetryLater:
    said = f"The Airflow connection {CONNECTION_ID} cannot be read ({type(error).__name__}), so nothing is asked. "
    if isinstance(error, ValueError | LookupError | TypeError | AttributeError | AirflowException | PermissionError):
        return ConfigurationError(said + _WHERE)
    return RetryLater(
        said
        + "The task tries again; if it stays so, look at the api-server's log and the secrets backend: a Fernet key "
        "other than the one that the connection was saved with has this effect."
    )


def _extra(connection: Connection) -> dict[str, Any]:
    try:
        extra = json.loads(connection.extra or "{}")
        return {**extra, **extra.get("openai_client_kwargs", {})}
    except (ValueError, TypeError, AttributeError):
        raise ConfigurationError(
            f"The extra of the connection {CONNECTION_ID}, or openai_client_kwargs in it, is no JSON object. {_WHERE}"
        ) from None


def _base_url(connection: Connection) -> str | None:
    host, schema = connection.host, connection.schema
    if not host:
        return None
    if schema in ("http", "https") and "://" not in host:
        # As Airflow's connections of type http have it.
        host, schema = f"{schema}://{host}", None
    scheme, found, rest = host.rpartition("://")
    place, slash, path = rest.partition("/")
    port = f":{connection.port}"
    if not connection.port or place.endswith(port):
        port = ""
    schema = f"/{schema}" if schema else ""
    return f"{scheme}{found}{place}{port}{slash}{path.rstrip('/')}{schema}"
