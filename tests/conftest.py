"""Fixtures for all tests."""

pytest_plugins = ["tests.fault_server.fixtures"]
