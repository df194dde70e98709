"""Fixtures for the tests of the lake."""

from tests.servers.s3 import s3_environ, s3_server

__all__ = ["s3_environ", "s3_server"]
