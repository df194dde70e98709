"""`make themes`: people name, merge and close what was grouped, as events that the next night finds."""

from pathlib import Path

import pytest

from include.errors import ConfigurationError
from include.local.themes import decide, main
from include.themes.state import read_themes
from tests.themes.nights import Nights
from tests.themes.test_night import LATE_CODES, OTHERS, TWICE


@pytest.fixture
def nights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Nights:
    monkeypatch.setenv("NIGHTSHIFT_LAKE", str(tmp_path / "lake"))
    nights = Nights(tmp_path / "lake")
    nights.tickets(0, [*LATE_CODES, *TWICE, *OTHERS])
    return nights


def themes_of(nights: Nights) -> list[str]:
    """Ids of the late codes and of what was charged twice."""
    themes = read_themes(nights.lake).themes.values()
    return [theme.theme_id for theme in sorted(themes, key=lambda theme: theme.name not in LATE_CODES)]


def ask(nights: Nights, **decision: str) -> int:
    return main({"NIGHTSHIFT_LAKE": nights.lake.root, **decision})


def test_it_lists_each_theme_with_its_items_by_pipeline(nights: Nights, capsys: pytest.CaptureFixture[str]) -> None:
    nights.reviews(0, LATE_CODES[:2])
    assert ask(nights) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].endswith("; app_store_reviews 2; support_tickets 5")
    assert "  candidate  2026-11-01  " in lines[0]


def test_an_empty_lake_has_no_themes_and_says_when_they_come(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main({"NIGHTSHIFT_LAKE": str(tmp_path)}) == 0
    assert "no themes yet" in capsys.readouterr().out


def test_a_name_holds_over_the_nights_and_stands_in_the_table_at_once(nights: Nights) -> None:
    late, _ = themes_of(nights)
    assert ask(nights, THEME=late, NAME="Codes by SMS\x1b[31m are late") == 0
    assert {row["name"] for row in nights.table() if row["theme_id"] == late} == {"Codes by SMS[31m are late"}
    nights.tickets(1, LATE_CODES)
    (row,) = [row for row in nights.table() if row["theme_id"] == late]
    assert (row["name"], row["status"]) == ("Codes by SMS[31m are late", "active")
    assert nights.events()[-1]["by"].startswith(("person:", "rule"))


def test_a_merged_theme_answers_with_its_replacement_and_takes_no_item_any_more(nights: Nights) -> None:
    late, twice = themes_of(nights)
    assert ask(nights, THEME=late, INTO=twice) == 0
    grouped = nights.tickets(1, LATE_CODES)
    assert grouped.counts == {twice: 5}
    assert {row["theme_id"] for row in nights.items("support_tickets", 1)} == {twice}
    rows = {row["theme_id"]: row for row in nights.table()}
    assert rows[late]["into_theme_id"] == twice
    assert (dict(rows[late]["items"]), dict(rows[twice]["items"])) == ({}, {"support_tickets": 15})
    # Whoever still knows the old id decides about the one that answers for it.
    (event,) = decide(nights.lake, late, "jo", status="shipped")
    assert event.theme_id == twice
    # Once merged is enough, also the other way round.
    with pytest.raises(ConfigurationError, match="Name two themes that are apart"):
        decide(nights.lake, twice, "jo", into=late)


@pytest.mark.parametrize("status", ["shipped", "declined", "parked"])
def test_a_closed_theme_stays_closed_and_goes_on_counting(status: str, nights: Nights) -> None:
    late, _ = themes_of(nights)
    assert ask(nights, THEME=late, STATUS=status) == 0
    nights.tickets(1, LATE_CODES)
    (row,) = [row for row in nights.table() if row["theme_id"] == late]
    assert (row["status"], dict(row["items"])) == (status, {"support_tickets": 10})


@pytest.mark.parametrize(
    ("decision", "says"),
    [
        ({"THEME": "t_unknown", "NAME": "x"}, "There is no theme 't_unknown'"),
        ({"THEME": "known", "STATUS": "solved"}, "is none of active, shipped, declined, parked"),
        ({"THEME": "known", "NAME": " \u200b "}, "nothing in it that people could read"),
        ({"THEME": "known"}, "goes with NAME, INTO or STATUS"),
        ({"NAME": "x"}, "goes with NAME, INTO or STATUS"),
    ],
)
def test_what_cannot_be_decided_is_refused_and_leaves_no_event(
    decision: dict[str, str], says: str, nights: Nights, capsys: pytest.CaptureFixture[str]
) -> None:
    before = nights.events()
    known = {"THEME": themes_of(nights)[0]} if decision.get("THEME") == "known" else {}
    assert ask(nights, **{**decision, **known}) != 0
    assert says in capsys.readouterr().err
    assert nights.events() == before


def test_what_is_decided_while_a_night_is_grouped_is_not_lost(nights: Nights) -> None:
    late, _ = themes_of(nights)
    table = Path(nights.lake.themes("themes.parquet"))
    before = table.read_bytes()
    decide(nights.lake, late, "jo", name="Late codes")
    # As if a night that had begun before were written down now.
    table.write_bytes(before)
    assert read_themes(nights.lake).themes[late].name == "Late codes"
    nights.tickets(1, LATE_CODES)
    assert {row["name"] for row in nights.table() if row["theme_id"] == late} == {"Late codes"}
