"""The cluster's store: Redis or Valkey, named by NIGHTSHIFT_REDIS_URL."""

import json
from typing import Any, cast

import redis.asyncio
from redis.exceptions import RedisError

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
_PREFIX = "nightshift:"
# Each try that loses means that another worker's won, so this many in a row are a broken store.
MAX_TRIES = 1_000


class RedisStore:
    """State in a Redis or Valkey server, by its clock (`TIME`).

    Args:
        url: `redis://host:6379/0`, `rediss://` or `unix://`.
    """

    has_own_clock = True

    def __init__(self, url: str) -> None:
        self._client = redis.asyncio.Redis.from_url(
            url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS, decode_responses=True
        )
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
                changed, result = step(json.loads(held or "{}"), int(seconds) + int(micros) / 1e6)
                wanted = json.dumps(changed)
        except (RedisError, OSError) as error:
            raise StoreAway(f"NIGHTSHIFT_REDIS_URL: {type(error).__name__}: {error}") from error
        raise StoreAway(f"NIGHTSHIFT_REDIS_URL: {key} could not be changed in {MAX_TRIES} tries")

    async def aclose(self) -> None:
        """See `Store`."""
        await self._client.aclose()

    async def _compare(self, key: str, held: str, wanted: str) -> tuple[int, str, str, str]:
        answer: Any = await self._compare_and_set(keys=[_PREFIX + key], args=[held, wanted, KEEP_MILLISECONDS])
        return cast(tuple[int, str, str, str], tuple(answer))
