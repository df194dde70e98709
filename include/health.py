"""A container's health check: whether the heartbeat of an Airflow component is fresh, as the api-server knows it.

Run it with `python -S -m include.health scheduler`: Airflow's own check imports Airflow, which takes seconds each time.
"""

import http.client
import json
import os
import sys
from urllib.parse import urlsplit

_TIMEOUT_SECONDS = 5.0


def is_healthy(component: str, execution_api: str) -> bool:
    """Ask the api-server.

    Args:
        component: `metadatabase`, `scheduler`, `triggerer` or `dag_processor`.
        execution_api: URL of the api-server's execution API, as `AIRFLOW__CORE__EXECUTION_API_SERVER_URL` has it.

    Raises:
        OSError: the api-server cannot be reached.
    """
    connection = http.client.HTTPConnection(urlsplit(execution_api).netloc, timeout=_TIMEOUT_SECONDS)
    connection.request("GET", "/api/v2/monitor/health")
    known = json.load(connection.getresponse())
    return bool(known[component]["status"] == "healthy")


if __name__ == "__main__":
    sys.exit(not is_healthy(sys.argv[1], os.environ["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"]))
