"""Pytest fixtures; the root `conftest.py` names this module in `pytest_plugins`."""

from collections.abc import Iterator

import pytest

from tests.fault_server.running import FaultServer


@pytest.fixture
def fault_server() -> Iterator[FaultServer]:
    """A server of this test alone, which answers every question until `set_plan` says otherwise."""
    with FaultServer() as server:
        yield server
