"""Fixtures for the tests of limits."""

from tests.servers.valkey import valkey_url

__all__ = ["valkey_url"]
