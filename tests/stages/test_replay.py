"""Nights that are made again: from the source, and from the lake's own copy where the source has lost them."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from tests.stages.office import DAY, HOUR, NIGHT, Office, office

__all__ = ["office"]


@pytest.mark.slow
def test_a_backfill_of_thirty_nights_gives_what_thirty_nights_give(office: Office, tmp_path: Path) -> None:
    for number in range(60):
        office.write(f"T-{number:03d}", NIGHT - (11 * number + 1) * HOUR)
    nights = [NIGHT - day * DAY for day in reversed(range(30))]
    for night in nights:
        office.night(night)
    one_by_one = office.current()
    office.deployment.folder = tmp_path / "backfilled"
    office.deployment.folder.mkdir()
    for night in reversed(nights):
        office.night(night, trigger="backfill")
    assert office.current() == one_by_one
    assert len(one_by_one) == 60


def forget_all_but_raw(office: Office) -> None:
    """The lake as if nothing had been answered, and a source that has nothing any more."""
    office.rows.clear()
    for table in Path(office.deployment.lake.root).iterdir():
        if table.name != "raw":
            shutil.rmtree(table)


def test_nights_that_the_source_has_lost_are_backfilled_from_raw(office: Office) -> None:
    nights = [NIGHT + day * DAY for day in range(6)]
    for number, night in enumerate(nights):
        for ticket in range(3):
            office.write(f"T-{number}-{ticket}", night - timedelta(hours=7 * ticket + 1))
        if number:
            office.write(f"late-{number}", night - DAY - HOUR)
        office.write("edited", NIGHT - HOUR, f"Edit {number}.", updated_at=(night - 2 * HOUR).isoformat())
        office.rows.append({"id": f"undated-{number}", "text": "When was this?"})
        office.night(night)
        office.rows = [row for row in office.rows if "created_at" in row]
    before = office.current()
    forget_all_but_raw(office)
    # From the last to the first, as a backfill may be told to.
    for night in reversed(nights):
        office.night(night, trigger="backfill", read_from="raw")
    assert office.current() == before
    assert before["edited"] == "Edit 5."
    assert len(before) == 18 + 5 + 6 + 1


def test_a_replayed_night_has_its_own_records_and_no_others(office: Office) -> None:
    office.write("first", NIGHT - HOUR)
    office.write("second", NIGHT + HOUR)
    office.night(NIGHT)
    office.night(NIGHT + DAY)
    forget_all_but_raw(office)
    assert office.night(NIGHT + DAY, trigger="backfill", read_from="raw") == {"second"}
