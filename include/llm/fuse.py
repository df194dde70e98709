"""The fuse of a run: it stops all shards when too many of their records are refused or get nothing usable.

Not even a provider that answers now and then may have a night's records booked as theirs to blame. What does not fit
our own rules is no reason, nor is a text that is moderated or too long: those are the record's own.
"""

from typing import Any

from include.errors import FuseBlown
from include.limits.store import Store, StoreAway
from include.llm.ledger import LedgerEntry
from include.llm.providers.provider_errors import COUNTED_BY_FUSE, KEPT

# Of fewer a share means little.
FROM_RECORDS = 20


class Fuse:
    """What one shard knows of all shards' records.

    Args:
        store: what all shards share.
        key: of the run.
        shard: its number.
        most: share of the records that may fail, from 0 to 1; 1: nothing is checked.
    """

    def __init__(self, store: Store, key: str, shard: int, most: float) -> None:
        self._store, self._key, self._shard, self._most = store, f"fuse:{key}", str(shard), most
        self._records = self._failed = 0
        self._said = ""

    def add(self, entry: LedgerEntry) -> bool:
        """Count one outcome; whether it is one that the fuse is there for."""
        is_counted = entry.error_type in COUNTED_BY_FUSE
        self._records += 1
        self._failed += is_counted
        if is_counted:
            self._said = entry.error_message or ""
        return is_counted

    async def check(self) -> None:
        """Put this shard's counts with those of the others.

        Raises:
            FuseBlown: too many have failed.
        """
        if self._most >= 1:
            return
        # Always the whole of it, so that a retry of the shard replaces what its dead attempt had counted.
        own = (self._records, self._failed, self._said)

        def step(shards: dict[str, Any], _: float) -> tuple[dict[str, Any], list[Any]]:
            shards = {**shards, self._shard: own}
            return shards, list(shards.values())

        try:
            counts = await self._store.update(self._key, step)
        except StoreAway:
            counts = [own]
        records, failed = sum(shard[0] for shard in counts), sum(shard[1] for shard in counts)
        if records >= FROM_RECORDS and failed > self._most * records:
            said = self._said or next(shard[2] for shard in counts if shard[2])
            raise FuseBlown(
                f"{failed} of {records} records were refused or got no usable answer, above the share of "
                f"{self._most:g} (NIGHTSHIFT_MAX_ERROR_SHARE) from which the trouble is not theirs. The last one: "
                f"{said}. {KEPT}"
            )
