"""Google Cloud Storage by gcsfs, with a service account's key, an Airflow connection or the machine's own identity.

Airflow's provider for Google, which would open `gs://` for `ObjectStoragePath`, cannot be installed beside pandas 3.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from gcsfs.core import GCSFileSystem
from gcsfs.retry import HttpError

from include.sources.google_token import google_credentials

PROTOCOLS = ("gs", "gcs")
SCOPE = "https://www.googleapis.com/auth/devstorage.read_only"


class _ReadOnlyStorage(GCSFileSystem):
    """gcsfs over HTTP alone (the class that it registers asks each bucket by gRPC what type it is of)."""

    async def _call(self, *arguments: Any, **named: Any) -> Any:
        try:
            return await super()._call(*arguments, **named)
        except OSError as error:
            # A bare OSError cannot be told from a store that is away.
            if str(error).startswith("Forbidden"):
                raise PermissionError(str(error)) from error
            raise
        except HttpError as error:
            if error.code == 401:
                raise PermissionError(f"Google refuses the credentials: {error}") from error
            raise


def google_storage(key: str | Mapping[str, Any] | None, setting: str) -> GCSFileSystem:
    """A file system that reads buckets; it asks again, with growing pauses, for about half a minute.

    Args:
        key: path or content of the JSON key of a service account; None: the machine's own identity.
        setting: where the key comes from, for messages.

    Raises:
        ConfigurationError: the key cannot be used, or the machine has no identity.
    """
    credentials = google_credentials(key, SCOPE, setting)
    return _ReadOnlyStorage(token=credentials, access="read_only", use_listings_cache=False, skip_instance_cache=True)


def attach_google_storage(place: str) -> None:
    """Let `ObjectStoragePath` open a place below `gs://`, unless a provider of Airflow already does.

    Args:
        place: such as `gs://google_cloud_default@bucket/calls`, with an Airflow connection of type
            *google_cloud_platform* (`key_path` or `keyfile_dict` in its extra) before the @, if any.

    Raises:
        AirflowNotFoundException: there is no such connection.
        ConfigurationError: its key cannot be used.
    """
    from airflow.sdk import BaseHook
    from airflow.sdk.io import attach, has_fs

    url = urlsplit(place)
    if url.scheme not in PROTOCOLS or has_fs(url.scheme):
        return
    conn_id = url.netloc.rpartition("@")[0] or None
    extra = BaseHook.get_connection(conn_id).extra_dejson if conn_id else {}
    key = extra.get("keyfile_dict") or extra.get("key_path")
    setting = f"connection {conn_id}" if conn_id else "GOOGLE_APPLICATION_CREDENTIALS"
    if isinstance(key, str) and key.lstrip().startswith("{"):
        key = json.loads(key)
    attach(url.scheme, conn_id, fs=google_storage(key, setting))
