"""Which store a deployment has."""

import os
from collections.abc import Mapping

from include.limits.sqlite_store import SqliteStore
from include.limits.store import Store


def open_store(environ: Mapping[str, str] = os.environ) -> Store:
    """Redis or Valkey where `NIGHTSHIFT_REDIS_URL` names one, else the file that all processes of this host share."""
    url = environ.get("NIGHTSHIFT_REDIS_URL")
    if not url:
        return SqliteStore()
    from include.limits.redis_store import RedisStore

    return RedisStore(url)
