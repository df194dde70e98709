"""The cluster's store: Redis or Valkey, named by NIGHTSHIFT_REDIS_URL."""

import json
import re
from typing import Any, cast
from urllib.parse import parse_qsl, urlencode, urlsplit

import redis.asyncio
from redis.exceptions import RedisError

from include.errors import ConfigurationError
from include.limits.store import Step, StoreAway, T

TIMEOUT_SECONDS = 1.0
KEEP_MILLISECONDS = 7 * 24 * 3600 * 1000
# Sets a key only if it still holds what the step was computed from, and says what it holds and what time it is.
_COMPARE_AND_SET = """
local held = redis.call('GET', KEYS[1])
local time = redis.call('TIME')
if (held or '') == ARGV[1] then
  if ARGV[2] ~= '' then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
  return {1, held or '', time[1], time[2]}
end
return {0, held or '', time[1], time[2]}
"""
# Of all keys, where the URL names no other.
_PREFIX = "nightshift"
# Each try that loses means that another worker's won, so this many in a row are a broken store.
MAX_TRIES = 1_000


class RedisStore:
    """State in a Redis or Valkey server, by its clock (`TIME`).

    Keys begin with the `prefix` that the URL's query names. Deployments with one account share it, and so keep to one
    limit together; a budget's key has the lake and the run in it.

    Args:
        url: `redis://host:6379/0`, `rediss://` or `unix://`, with `?prefix=team-a` if it likes.

    Raises:
        ConfigurationError: it is no such URL; without it, because a password may be in it.
    """

    has_own_clock = True

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            options = parse_qsl(parts.query, keep_blank_values=True)
            prefixes = [value for name, value in options if name == "prefix"] or [_PREFIX]
            if len(prefixes) > 1 or not re.fullmatch(r"[\w.:-]{1,64}", prefixes[0]):
                raise ConfigurationError("NIGHTSHIFT_REDIS_URL: a prefix is 1 to 64 letters, digits and any of _ . : -")
            rest = urlencode([(name, value) for name, value in options if name != "prefix"])
            self._client = redis.asyncio.Redis.from_url(
                parts._replace(query=rest).geturl(),
                socket_timeout=TIMEOUT_SECONDS,
                socket_connect_timeout=TIMEOUT_SECONDS,
                decode_responses=True,
            )
            # An option that nobody knows is noticed here only.
            self._client.connection_pool.make_connection()
        except (ValueError, TypeError) as error:
            named = re.search(r"argument ('\w+')", str(error))
            raise ConfigurationError(
                "NIGHTSHIFT_REDIS_URL is not of the form redis://:password@host:6379/0?prefix=team-a"
                + (f": {named[1]} is no option" if named else "")
            ) from None
        self._prefix = f"{prefixes[0]}:"
        self._compare_and_set = self._client.register_script(_COMPARE_AND_SET)

    async def update(self, key: str, step: Step[T]) -> T:
        """See `Store`."""
        try:
            # The first call sets nothing: it asks for the object and the clock.
            held, wanted = "\x00", ""
            result: T | None = None
            for _ in range(MAX_TRIES):
                was_set, now_held, seconds, micros = await self._compare(key, held, wanted)
                if was_set:
                    return cast(T, result)
                held = now_held
                changed, result = step(_object(held), int(seconds) + int(micros) / 1e6)
                wanted = json.dumps(changed)
        except (RedisError, OSError) as error:
            raise StoreAway(f"NIGHTSHIFT_REDIS_URL: {type(error).__name__}: {error}") from error
        except ValueError as error:
            raise StoreAway(f"NIGHTSHIFT_REDIS_URL: {self._prefix}{key} holds something else; set a prefix") from error
        raise StoreAway(f"NIGHTSHIFT_REDIS_URL: {key} could not be changed in {MAX_TRIES} tries")

    async def aclose(self) -> None:
        """See `Store`."""
        await self._client.aclose()

    async def _compare(self, key: str, held: str, wanted: str) -> tuple[int, str, str, str]:
        answer: Any = await self._compare_and_set(keys=[self._prefix + key], args=[held, wanted, KEEP_MILLISECONDS])
        return cast(tuple[int, str, str, str], tuple(answer))


def _object(held: str) -> dict[str, Any]:
    found = json.loads(held or "{}")
    if not isinstance(found, dict):
        raise ValueError("no object")
    return found
