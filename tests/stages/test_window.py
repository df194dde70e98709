"""Which span of time a run takes, and the watermark."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from include.settings import source_setting
from include.sources.source import Window
from include.stages.window import last_success, source_window
from tests.stages.help_desk_scenario import DAY, HOUR, NIGHT, Office, office

__all__ = ["office"]


def test_a_scheduled_night_takes_its_interval_and_nothing_of_the_next(office: Office) -> None:
    office.write("before", NIGHT - HOUR)
    office.write("after", NIGHT + HOUR)
    assert office.night(NIGHT) == {"before"}
    assert office.night(NIGHT + DAY) == {"after"}


def test_what_arrives_late_is_caught_by_the_next_night_and_taken_once(office: Office) -> None:
    office.write("early", NIGHT - timedelta(hours=2))
    assert office.night(NIGHT) == {"early"}
    office.write("late", NIGHT - HOUR)
    assert office.night(NIGHT + DAY) == {"late"}
    assert office.night(NIGHT + 2 * DAY) == set()


def test_nights_that_failed_are_made_up_for_by_the_next(office: Office) -> None:
    assert office.night(NIGHT) == set()
    for day in range(1, 9):
        office.write(f"day-{day}", NIGHT + day * DAY - HOUR)
    # Seven nights without a run; the lookback alone would reach two of them.
    assert office.night(NIGHT + 8 * DAY) == {f"day-{day}" for day in range(1, 9)}


def test_the_watermark_moves_with_a_publish_only(office: Office) -> None:
    lake = office.deployment.lake
    office.night(NIGHT)
    office.extract(office.settle(NIGHT + DAY))
    assert last_success(lake, "support_tickets") == NIGHT
    office.night(NIGHT + DAY)
    assert last_success(lake, "support_tickets") == NIGHT + DAY


def test_a_backfill_of_an_old_night_moves_no_watermark(office: Office) -> None:
    office.night(NIGHT)
    office.night(NIGHT - 100 * DAY, trigger="backfill")
    assert last_success(office.deployment.lake, "support_tickets") == NIGHT
    assert office.source.asked_for[-1] == Window(NIGHT - 103 * DAY, NIGHT - 100 * DAY)


def test_a_manual_run_takes_what_came_since_the_last_success(office: Office) -> None:
    office.night(NIGHT)
    run = office.settle(NIGHT + timedelta(hours=5), trigger="manual")
    assert source_window(office.deployment.lake, office.pipeline, run) == Window(NIGHT - 2 * DAY, run.window_end)


def test_the_first_manual_run_goes_back_by_the_first_window(office: Office) -> None:
    run = office.settle(NIGHT, trigger="manual")
    assert source_window(office.deployment.lake, office.pipeline, run) == Window(NIGHT - 30 * DAY, NIGHT)


def test_since_and_until_are_taken_at_their_word(office: Office) -> None:
    run = office.settle(NIGHT, trigger="manual", since="2026-01-01T00:00:00Z", until="2026-01-02T00:00:00Z")
    asked = source_window(office.deployment.lake, office.pipeline, run)
    assert asked == Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))


def test_an_old_ticket_that_was_edited_is_a_new_version_of_the_same_record(office: Office) -> None:
    office.write("T", NIGHT - 20 * DAY, "It was broken. Help.", updated_at=(NIGHT - HOUR).isoformat())
    assert office.night(NIGHT) == {"T"}
    updated = (NIGHT + HOUR).isoformat()
    office.write("T", NIGHT - 20 * DAY, "It is broken again. Help.", updated_at=updated)
    assert office.night(NIGHT + DAY) == {"T"}
    assert office.current() == {"T": "It is broken again. Help."}


def test_a_run_with_since_leaves_the_watermark_where_it_is(office: Office) -> None:
    office.night(NIGHT)
    since = (NIGHT + 5 * DAY - HOUR).isoformat()
    office.night(NIGHT + 5 * DAY, trigger="manual", since=since)
    assert last_success(office.deployment.lake, "support_tickets") == NIGHT


def test_a_run_that_reads_raw_has_not_asked_the_source_and_moves_no_watermark(office: Office) -> None:
    office.night(NIGHT)
    office.night(NIGHT + 5 * DAY, trigger="manual", read_from="raw")
    assert last_success(office.deployment.lake, "support_tickets") == NIGHT


def test_files_in_place_of_the_source_move_no_watermark(office: Office, tmp_path: Path) -> None:
    (tmp_path / "tickets.jsonl").write_text('{"id": "1", "text": "Broken."}\n')
    office.environ[source_setting("support_tickets")] = str(tmp_path / "tickets.jsonl")
    assert office.night(NIGHT, trigger="manual") == {"1"}
    assert last_success(office.deployment.lake, "support_tickets") is None


@pytest.mark.slow
def test_a_backfill_takes_up_again_what_is_of_its_own_interval_only(office: Office) -> None:
    office.write("early", NIGHT - HOUR)
    office.night(NIGHT)
    office.write("own", NIGHT + HOUR)
    office.night(NIGHT + DAY)
    # Within its lookback, with an outcome: not processed twice.
    assert office.night(NIGHT + DAY, trigger="backfill", reprocess="all", prompt_version="v2", promote=True) == {"own"}


def test_a_backfill_that_makes_a_scheduled_night_again_takes_no_watermark_away(office: Office) -> None:
    office.night(NIGHT)
    office.night(NIGHT, trigger="backfill")
    assert last_success(office.deployment.lake, "support_tickets") == NIGHT


def test_a_window_that_reaches_into_the_future_ends_now(office: Office) -> None:
    until = (NIGHT + 1000 * DAY).isoformat()
    assert office.settle(NIGHT, trigger="manual", until=until).window_end == NIGHT
    office.night(NIGHT, trigger="manual", until=until)
    assert last_success(office.deployment.lake, "support_tickets") == NIGHT


def test_what_was_only_tried_is_not_due_at_night(office: Office) -> None:
    office.write("old", NIGHT - 200 * DAY)
    office.write("new", NIGHT - HOUR)
    since = (NIGHT - 300 * DAY).isoformat()
    assert office.night(NIGHT, trigger="manual", prompt_version="v2", since=since) == {"old", "new"}
    # What the trial has in `raw/` the night pulls for itself, and keeps for later if it must.
    run = office.settle(NIGHT)
    assert office.extract(run).extracted == 1
    office.rows.clear()
    assert office.night(NIGHT + DAY) == {"new"}


@pytest.mark.slow
@pytest.mark.parametrize("window", [{}, {"since": (NIGHT - 300 * DAY).isoformat()}])
def test_a_promotion_publishes_what_only_its_trial_has_pulled(office: Office, window: dict[str, str]) -> None:
    office.write("old", NIGHT - 200 * DAY)
    office.write("long", NIGHT - 199 * DAY, "x" * 40_000)
    office.night(NIGHT - DAY)
    v2 = {"prompt_version": "v2"}
    assert office.night(NIGHT, "manual", run_id="trial", since=(NIGHT - 300 * DAY).isoformat(), **v2) == {"old"}
    office.rows.clear()
    assert office.night(NIGHT, "manual", run_id="promotion", promote=True, **v2, **window) == {"old"}
    assert office.current().keys() == {"old"}
    # From now on the lake's own copy has it too.
    assert office.night(NIGHT, "manual", run_id="replay", read_from="raw", reprocess="all") == {"old"}
    assert office.night(NIGHT, "manual", run_id="again", promote=True, **v2, **window) == set()


def test_a_dry_run_makes_nothing_due_and_moves_no_watermark(office: Office) -> None:
    office.write("old", NIGHT - 200 * DAY)
    office.write("bad", NIGHT - 200 * DAY, " ")
    assert office.night(NIGHT, trigger="manual", dry_run=True, since=(NIGHT - 300 * DAY).isoformat()) == set()
    assert office.night(NIGHT, trigger="manual", dry_run=True) == set()
    assert last_success(office.deployment.lake, "support_tickets") is None
    assert office.deployment.table("raw").empty
    assert office.deployment.table("quarantine").empty
    assert office.night(NIGHT) == set()


def test_a_dry_run_of_a_night_leaves_what_the_night_published(office: Office) -> None:
    office.write("T", NIGHT - HOUR)
    office.night(NIGHT)
    before = office.deployment.files()
    # A backfill that is told to make the night again keeps its run id.
    run_id = office.settle(NIGHT).run_id
    assert office.night(NIGHT, trigger="backfill", run_id=run_id, dry_run=True) == {"T"}
    assert {path: content for path, content in office.deployment.files().items() if path in before} == before
