"""Nights that are made again: from the source, and from the lake's own copy where the source has lost them."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from include.stages.run_context import RunContext
from tests.stages.help_desk_scenario import DAY, HOUR, NIGHT, Office, office

__all__ = ["office"]

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("count", [5, pytest.param(30, marks=pytest.mark.long)])
def test_a_backfill_gives_what_the_nights_have_given(office: Office, tmp_path: Path, count: int) -> None:
    for number in range(2 * count):
        office.write(f"T-{number:03d}", NIGHT - (11 * number + 1) * HOUR)
    nights = [NIGHT - day * DAY for day in reversed(range(count))]
    for night in nights:
        office.night(night)
    one_by_one = office.current()
    office.deployment.folder = tmp_path / "backfilled"
    office.deployment.folder.mkdir()
    for night in reversed(nights):
        office.night(night, trigger="backfill")
    assert office.current() == one_by_one
    assert len(one_by_one) == 2 * count


def forget_all_but_raw(office: Office) -> None:
    """The lake as if nothing had been answered, and a source that has nothing any more."""
    office.rows.clear()
    for table in Path(office.deployment.lake.root).iterdir():
        if table.is_dir() and table.name != "raw":
            shutil.rmtree(table)


def test_nights_that_the_source_has_lost_are_backfilled_from_raw(office: Office) -> None:
    nights = [NIGHT + day * DAY for day in range(4)]
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
    assert before["edited"] == "Edit 3."
    assert len(before) == 12 + 3 + 4 + 1


def test_a_replayed_night_has_its_own_records_and_no_others(office: Office) -> None:
    office.write("first", NIGHT - HOUR)
    office.write("second", NIGHT + HOUR)
    office.night(NIGHT)
    office.night(NIGHT + DAY)
    forget_all_but_raw(office)
    assert office.night(NIGHT + DAY, trigger="backfill", read_from="raw") == {"second"}


def rows_of_readers(office: Office) -> dict[str, bytes]:
    """All files but `measures/`, which counts what a run extracted and skipped, as `runs/` does."""
    return {path: content for path, content in office.deployment.files().items() if not path.startswith("measures/")}


@pytest.mark.parametrize("read_from", ["source", "raw"])
def test_nights_that_are_made_again_keep_what_they_took_up_from_other_windows(office: Office, read_from: str) -> None:
    office.write("first", NIGHT - HOUR)
    office.write("bad", NIGHT - HOUR, " ")
    office.night(NIGHT)
    office.write("late", NIGHT - HOUR)
    # Pulled by a night that died: pending, and selected by the next one.
    office.write("left", NIGHT + HOUR)
    office.extract(office.settle(NIGHT + DAY))
    office.night(NIGHT + 3 * DAY)
    before, asked = rows_of_readers(office), office.server.counters().requests
    if read_from == "raw":
        office.rows.clear()
    for night in (NIGHT, NIGHT + 3 * DAY):
        # A backfill of nights that have run keeps their run ids.
        office.night(night, trigger="backfill", run_id=office.settle(night).run_id, read_from=read_from)
    assert set(office.current()) == {"first", "late", "left"}
    assert rows_of_readers(office) == before
    assert office.server.counters().requests == asked


def test_an_older_version_that_is_pulled_later_does_not_replace_the_newer_one(office: Office) -> None:
    row = {"id": "T", "created_at": (NIGHT - DAY).isoformat()}
    for day, text in ((0, "Old."), (2, "New.")):
        office.rows.append({**row, "text": text, "updated_at": (NIGHT + day * DAY - HOUR).isoformat()})
    office.night(NIGHT + 2 * DAY, trigger="backfill")
    office.night(NIGHT, trigger="backfill")
    assert office.current() == {"T": "New."}
    assert sorted(office.deployment.table("results")["text"]) == ["New.", "Old."]


def pulled_at_once(office: Office) -> list[RunContext]:
    """Three nights whose lookback overlaps, all pulled before the first of them is planned."""
    for day in range(3):
        office.write(f"day-{day}", NIGHT + day * DAY - HOUR)
    runs = [office.settle(NIGHT + day * DAY, trigger="backfill") for day in range(3)]
    for run in runs:
        office.extract(run)
    return runs


def test_nights_that_are_backfilled_at_once_ask_about_no_record_twice(office: Office) -> None:
    runs = pulled_at_once(office)
    shards = [office.plan(run, is_running=lambda _: True) for run in reversed(runs)]
    for run, of_run in zip(reversed(runs), shards, strict=True):
        office.publish(run, of_run)
        assert office.deployment.row(run)["state"] == "success"
    assert sorted(office.deployment.table("results")["record_id"]) == ["day-0", "day-1", "day-2"]
    # The three, and one tiny question before them.
    assert office.server.counters().requests == 4


def test_a_night_leaves_alone_what_another_has_published_since_it_pulled(office: Office) -> None:
    first, second, third = pulled_at_once(office)
    for run in (third, second, first):
        office.publish(run, office.plan(run))
    assert sorted(office.deployment.table("results")["record_id"]) == ["day-0", "day-1", "day-2"]


def test_what_another_night_failed_to_publish_is_taken(office: Office) -> None:
    first, second, _ = pulled_at_once(office)
    office.plan(first)
    office.publish(second, office.plan(second, is_running=lambda run_id: run_id != first.run_id))
    assert sorted(office.deployment.table("results")["record_id"]) == ["day-0", "day-1"]
