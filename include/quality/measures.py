"""Rows of `measures/`: what a run is told by in numbers, counted over all its rows."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

import pyarrow as pa

from include.lake.schemas import MEASURES_SCHEMA
from include.quality.expectation_result import ExpectationResult

# Two standard errors: 95 % of such intervals hold the share.
_Z = 1.96


@dataclass(frozen=True)
class Measure:
    """One number of a run; see the columns in the lake's README."""

    measure: str
    field: str | None
    value: str | None = None
    number: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    says: str | None = None


def share_measure(field: str, value: str, count: int, total: int) -> Measure:
    """How many of all values of a field are this one, with the interval of Wilson (1927, JASA 22, page 209)."""
    share, z2 = count / total, _Z * _Z
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = _Z * sqrt(share * (1 - share) / total + z2 / (4 * total * total)) / (1 + z2 / total)
    return Measure("share", field, value, share, max(0.0, middle - half), min(1.0, middle + half), total)


def expectation_measure(result: ExpectationResult) -> Measure:
    """Whether an expectation held (1 or 0), and how many rows fail it."""
    says, n = result.expectation, result.unexpected_count
    return Measure("expectation", result.field or result.table, number=float(result.success), n=n, says=says)


def run_measures(row: Mapping[str, Any], quarantined: Mapping[str, int], nulls: Mapping[str, int]) -> list[Measure]:
    """Counts and cost.

    Args:
        row: of the run in `runs/`.
        quarantined: records by stage.
        nulls: values that do not convert, by attribute.
    """
    counts: list[tuple[str, str | None, int]] = [
        (name, None, row[name]) for name in ("extracted", "published", "reused")
    ]
    counts += [("quarantined", stage, count) for stage, count in sorted(quarantined.items())]
    counts += [("skipped", reason, count) for reason, count in row["skipped_by_reason"]]
    counts += [("unreadable_values", name, count) for name, count in sorted(nulls.items())]
    found = [Measure("count", field, value, float(count), n=row["extracted"]) for field, value, count in counts]
    return [*found, Measure("cost", "cost_usd", number=row["cost_usd"], n=row["extracted"])]


def measures_table(row: Mapping[str, Any], measures: Iterable[Measure]) -> pa.Table:
    """A run's file of `measures/`.

    Args:
        row: of the run in `runs/`.
    """
    run = {name: row[name] for name in ("run_id", "run_key", "purpose")} | {"basis": "observed"}
    return pa.Table.from_pylist([run | asdict(measure) for measure in measures], schema=MEASURES_SCHEMA)
