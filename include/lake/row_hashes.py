"""Eight bytes that stand for a record or for one version of it, so that millions are compared without their texts.

They hold within one process only (Python seeds its hashes anew in each), so none is ever stored.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

RowHashes = np.ndarray[Any, np.dtype[np.int64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
Positions = np.ndarray[Any, np.dtype[np.int64]]


def row_hash(*parts: str) -> int:
    """64 bits of Python's own hash (SipHash, which no customer can steer).

    A night of 100,000 records meets one of 10 million in the lake by chance once in 18 million nights; that one would
    be taken for known.
    """
    return hash(parts)


def row_hashes(*columns: Iterable[str]) -> RowHashes:
    """One for each row of the columns."""
    return np.fromiter(map(hash, zip(*columns, strict=True)), dtype=np.int64)


def newest_of_each(ids: RowHashes, changed_at: Positions) -> Mask:
    """Of the rows of each record the one that changed last; of several at one time the one that stands last."""
    order = np.lexsort((np.arange(len(ids)), changed_at, ids))
    is_last = np.ones(len(ids), dtype=np.bool_)
    is_last[:-1] = ids[order][1:] != ids[order][:-1]
    newest = np.zeros(len(ids), dtype=np.bool_)
    newest[order[is_last]] = True
    return newest


def is_among(wanted: RowHashes, of: RowHashes) -> Mask:
    """Which of some stand among the wanted ones, which are in order."""
    return _places(wanted, of)[1]


class Lookup:
    """Which of these are among many others that come file by file; holds nothing of the others."""

    def __init__(self, wanted: RowHashes) -> None:
        self._wanted = np.unique(wanted)
        self._found = np.zeros(len(self._wanted), dtype=np.bool_)

    def mark(self, others: RowHashes) -> None:
        """Take some of the others in."""
        # In order, because a search that jumps about waits for memory.
        at, is_hit = _places(self._wanted, np.sort(others))
        self._found[at[is_hit]] = True

    def found(self, of: RowHashes) -> Mask:
        """Whether each of these has been among the others; one that is not wanted has not."""
        at, is_hit = _places(self._wanted, of)
        is_hit[is_hit] = self._found[at[is_hit]]
        return is_hit


def _places(wanted: RowHashes, of: RowHashes) -> tuple[Positions, Mask]:
    at = np.searchsorted(wanted, of)
    is_hit = at < len(wanted)
    is_hit[is_hit] = wanted[at[is_hit]] == of[is_hit]
    return at, is_hit
