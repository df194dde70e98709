"""A night's items join the themes that are there, and what is left forms candidates, under ids that never change."""

import logging
import socket
from pathlib import Path
from typing import Any

import pytest

from include.themes.embedding import embed
from include.themes.state import read_themes
from tests.servers.s3 import S3Server
from tests.stages.test_requests import counted
from tests.themes.nights import Nights, run_of, ticket_rows

LATE_CODES = [
    "The SMS code arrives ten minutes late and has expired.",
    "Sign-in codes come too late by SMS.",
    "The SMS code comes late and has already expired.",
    "SMS codes arrive late, so nobody can sign in.",
    "The code by SMS arrives too late.",
]
TWICE = [
    "The yearly renewal was charged twice.",
    "The monthly renewal was charged twice within a minute.",
    "The renewal was taken twice from the same card.",
    "The card was charged twice for one renewal.",
    "The annual renewal was charged twice.",
]
OTHERS = [
    "Wants a map of hiking trails.",
    "The widget shows yesterday's weather.",
    "Praises the friendly staff at the hotel bar.",
    "The export to a spreadsheet lacks the dates.",
    "Asks whether dogs are allowed on board.",
    "Parcels were left in the rain.",
    "Wants darker colours in the evening.",
    "The invoice names another company.",
]


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    return Nights(tmp_path / "lake")


def theme_of(rows: list[dict[str, Any]], summary: str) -> str | None:
    """The theme of the item that says so."""
    (found,) = {row["theme_id"] for row in rows if row["summary"] == summary and row["theme_id"]} or {None}
    return found


def test_what_says_the_same_becomes_one_candidate_named_by_a_summary_and_the_rest_stays_loose(nights: Nights) -> None:
    grouped = nights.tickets(0, [*LATE_CODES, *TWICE, *OTHERS])
    assert sorted(grouped.counts.values()) == [5, 5]
    assert grouped.loose == len(OTHERS)
    rows = nights.items("support_tickets", 0)
    codes, twice = ({theme_of(rows, summary) for summary in part} for part in (LATE_CODES, TWICE))
    assert len(codes) == len(twice) == 1 and codes != twice
    assert {row["theme_id"] for row in nights.table()} == codes | twice == {*grouped.created}
    assert {row["name"] for row in nights.table()} <= {*LATE_CODES, *TWICE}
    assert {row["status"] for row in nights.table()} == {"candidate"}
    assert [dict(row["items"]) for row in nights.table()] == [{"support_tickets": 5}] * 2
    assert all(len(theme) == 14 and theme.startswith("t_") for theme in codes | twice if theme)


def test_the_next_night_joins_the_themes_that_are_there_and_a_large_candidate_is_a_theme(nights: Nights) -> None:
    first = nights.tickets(0, [*LATE_CODES, *OTHERS])
    second = nights.tickets(1, [f"{summary} Again." for summary in LATE_CODES])
    assert second.counts == {first.created[0]: 5}
    assert not second.created
    (row,) = nights.table()
    assert row["status"] == "active"
    assert [event["event"] for event in nights.events()].count("created") == 1
    assert (row["first_seen"].day, row["last_seen"].day) == (1, 2)


def test_what_is_too_little_on_each_night_becomes_a_theme_over_several(nights: Nights) -> None:
    for night, summary in enumerate(LATE_CODES):
        grouped = nights.tickets(night, [summary, OTHERS[night]])
    (theme,) = read_themes(nights.lake).themes.values()
    # Those of the nights before stand in the items of the night that has found them a theme.
    rows = nights.items("support_tickets", *range(len(LATE_CODES)))
    assert {row["summary"] for row in rows if row["theme_id"]} == {*LATE_CODES}
    assert theme.items == {"support_tickets": len(LATE_CODES)}
    assert grouped.counts == {theme.theme_id: 1}
    assert len([row for row in rows if row["theme_id"]]) == len(LATE_CODES)


def test_a_theme_goes_across_pipelines_and_each_counts_its_own(nights: Nights) -> None:
    nights.tickets(0, [*LATE_CODES[:2], *OTHERS])
    reviews = [[OTHERS[0], LATE_CODES[2]], [LATE_CODES[3]], [LATE_CODES[4]]]
    grouped = nights.reviews(0, *reviews)
    (theme,) = grouped.created
    assert grouped.counts == {theme: 3}
    (row,) = nights.table()
    assert dict(row["items"]) == {"app_store_reviews": 3}
    (late,) = {item["theme_id"] for item in nights.items("app_store_reviews", 0) if item["item_index"] == 1}
    assert late == theme
    # The tickets were there first: they are told of with the next night of their own.
    assert nights.tickets(1, [TWICE[0]]).counts == {}
    assert dict(nights.table()[0]["items"]) == {"app_store_reviews": 3, "support_tickets": 2}
    assert {item["record_id"] for item in nights.items("support_tickets", 1)} == {"0-0", "0-1", "1-0"}


def test_a_run_that_is_grouped_again_makes_no_theme_twice_and_changes_no_item(nights: Nights) -> None:
    nights.tickets(0, [*LATE_CODES[:2], *OTHERS[:4]])
    nights.tickets(1, [*LATE_CODES[2:], *TWICE, *OTHERS[4:]])
    items, table, events = nights.items("support_tickets", 1), nights.table(), nights.events()
    again = nights.group("support_tickets", 1)
    assert nights.events() == events
    assert not again.created
    assert again.counts == {
        row["theme_id"]: 5 - 2 * (row["theme_id"] == theme_of(items, LATE_CODES[0])) for row in table
    }
    assert sorted(nights.items("support_tickets", 1), key=str) == sorted(items, key=str)
    assert nights.table() == table
    # An earlier run that is cleared later on keeps its loose items out of the count, too.
    nights.group("support_tickets", 0)
    nights.group("support_tickets", 1)
    assert {row["theme_id"]: row["items"] for row in nights.table()} == {row["theme_id"]: row["items"] for row in table}


def test_a_run_that_was_published_anew_counts_what_it_has_now(nights: Nights) -> None:
    nights.tickets(0, [*LATE_CODES, *OTHERS])
    nights.tickets(0, [*LATE_CODES[:3], *OTHERS])
    (row,) = nights.table()
    assert dict(row["items"]) == {"support_tickets": 3}
    assert len(nights.items("support_tickets", 0)) == 3 + len(OTHERS)


class Dies(Exception):
    """A worker that is killed."""


@pytest.mark.parametrize("writes", [1, 2, 3])
@pytest.mark.parametrize("is_tried_again", [True, False])
def test_a_try_that_dies_has_happened_whole_or_not_at_all(
    writes: int, is_tried_again: bool, nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    nights.tickets(0, [*LATE_CODES[:2], *OTHERS])
    nights.publish("support_tickets", 1, ticket_rows(1, LATE_CODES[2:]))
    done = 0

    def dying(move: Any) -> Any:
        def call(self: Path, target: Any) -> Path:
            nonlocal done
            if done == writes:
                raise Dies
            done += 1
            moved: Path = move(self, target)
            return moved

        return call

    with monkeypatch.context() as patch:
        # Whatever is written to the lake is put in place by it.
        patch.setattr(Path, "replace", dying(Path.replace))
        with pytest.raises(Dies):
            nights.group("support_tickets", 1)
    assert done == writes
    if is_tried_again:
        nights.group("support_tickets", 1)
    nights.tickets(2, [*LATE_CODES[:4], *TWICE])
    known = read_themes(nights.lake).themes
    created = [row["theme_id"] for row in nights.events() if row["event"] == "created"]
    assert len({*created}) == len(created)
    whole = [
        night for night in (0, 1, 2) if nights.lake.has(nights.lake.theme_items("support_tickets", *run_of(night)))
    ]
    counted = [row["theme_id"] for row in nights.items("support_tickets", *whole) if row["theme_id"]]
    assert {theme.theme_id: theme.items["support_tickets"] for theme in known.values() if theme.items.total()} == {
        theme: counted.count(theme) for theme in counted
    }
    if is_tried_again:
        assert len(counted) == 5 + 4 + len(TWICE)


HOSTILE = [
    "",
    " \u200b\u2800 ",
    "x" * 10_000,
    "Zu spät \x00\x1b[31m\r\n\u202e gedreht",
    "<script>alert(1)</script>" * 50,
    "{{ 7 * 7 }} %s {0} 😀",
    "'; DROP TABLE themes; --",
    "日本語の要約です。",
]


def test_hostile_summaries_are_grouped_or_left_and_names_are_clean(nights: Nights) -> None:
    grouped = nights.tickets(0, HOSTILE)
    assert (grouped.counts, grouped.loose) == ({}, len(HOSTILE))
    assert read_themes(nights.lake).loose.num_rows == len(HOSTILE) - 2
    grouped = nights.tickets(1, [f"<b>The SMS code</b>\x1b[31m is\nlate {'so ' * 500}{number}." for number in range(5)])
    (theme,) = read_themes(nights.lake).themes.values()
    assert grouped.counts == {theme.theme_id: 5}
    assert theme.name.isprintable() and len(theme.name) <= 120


def test_a_night_without_items_or_without_answers_in_the_column_is_a_night(nights: Nights) -> None:
    assert nights.tickets(0, []).counts == {}
    nights.publish("app_store_reviews", 0, [{"record_id": "1", "feedback": None}, {"record_id": "2", "feedback": []}])
    assert nights.group("app_store_reviews", 0).loose == 0


def test_no_id_is_given_twice(nights: Nights) -> None:
    nights.tickets(0, [*LATE_CODES, *OTHERS])
    # The very same run says the same of another thing: its themes are its own.
    nights.tickets(0, [*TWICE, *OTHERS])
    nights.tickets(0, [*LATE_CODES, *TWICE, *OTHERS])
    ids = [event["theme_id"] for event in nights.events() if event["event"] == "created"]
    assert len(ids) == len(set(ids)) == 2


def test_the_vectors_come_with_the_package_and_nothing_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    handlers, level = list(logging.getLogger().handlers), logging.getLogger().level
    near, far = embed(["The code is late.", "Codes arrive late."]), embed(["The code is late.", "A map of trails."])
    assert near[0] @ near[1] > far[0] @ far[1]
    assert (logging.getLogger().handlers, logging.getLogger().level) == (handlers, level)


def test_a_table_that_was_lost_is_made_anew_from_events_and_items(nights: Nights) -> None:
    nights.tickets(0, [*LATE_CODES, *TWICE, *OTHERS])
    nights.reviews(1, LATE_CODES[:2])
    before = {row["theme_id"]: row for row in nights.table()}
    Path(nights.lake.themes("themes.parquet")).unlink()
    grouped = nights.tickets(2, [*TWICE, *LATE_CODES])
    assert not grouped.created
    assert sorted(grouped.counts.values()) == [5, 5]
    for row in nights.table():
        assert (row["name"], row["first_seen"]) == tuple(
            before[row["theme_id"]][name] for name in ("name", "first_seen")
        )
        items = dict(before[row["theme_id"]]["items"])
        assert dict(row["items"]) == {**items, "support_tickets": items["support_tickets"] + 5}


@pytest.mark.slow
def test_themes_in_a_bucket_take_few_requests_a_night(s3_server: S3Server, s3_environ: dict[str, str]) -> None:
    s3_server.file_system().mkdir("themes")
    nights = Nights("s3://themes/lake")
    for night in range(3):
        nights.publish("support_tickets", night, ticket_rows(night, [*LATE_CODES, *TWICE, *OTHERS]))
        with counted(nights.lake) as requests:
            grouped = nights.group("support_tickets", night)
        assert requests.total() <= 20, requests
    assert sorted(grouped.counts.values()) == [5, 5]
    assert [dict(row["items"]) for row in nights.table()] == [{"support_tickets": 15}] * 2
    assert not nights.lake.has(nights.lake.themes("_next.parquet"))
