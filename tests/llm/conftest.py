"""Fixtures for the tests of the fan-out."""

from tests.servers.outage import proxy
from tests.servers.s3 import s3_environ, s3_server

__all__ = ["proxy", "s3_environ", "s3_server"]
