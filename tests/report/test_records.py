"""The records behind the numbers: the CSV beside a report, and which quotes a page shows."""

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from include.lake.paths import open_lake
from include.pipelines.registry import load_pipeline
from include.report.quotes import Quotes, facts
from include.report.records import feedback_rows, open_csv, read_columns

REVIEWS, SURVEYS = load_pipeline("app_store_reviews"), load_pipeline("survey_answers")
NIGHT = datetime(2026, 11, 23, 2, tzinfo=UTC)


def point(
    topic: str = "login", severity: str = "low", summary: str = "", quote: str = "", **more: str
) -> dict[str, str]:
    """A piece of feedback."""
    return {
        "topic": topic,
        "topic_other": "",
        "kind": "bug",
        "severity": severity,
        "summary": summary,
        "quote": quote,
    } | more


def reviews(*rows: list[dict[str, str]], **columns: Any) -> pa.Table:
    """Reviews with their points."""
    same = {"occurred_at": NIGHT, "sentiment": "negative", "source_url": "https://example.com/r"} | columns
    return pa.Table.from_pylist([{"record_id": f"r{n}", "feedback": row, **same} for n, row in enumerate(rows)])


def read(path: Path) -> list[dict[str, str]]:
    """What stands in a CSV, read as a spreadsheet does."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [*csv.DictReader(file)]


def written(tmp_path: Path, *tables: pa.Table) -> list[dict[str, str]]:
    with open_csv(open_lake(str(tmp_path)), str(tmp_path / "r.csv")) as out:
        for table in tables:
            out.write(feedback_rows(table, REVIEWS.report_fields))
    return read(tmp_path / "r.csv")


def test_each_piece_of_feedback_has_a_row_and_a_record_without_one_has_one_too(tmp_path: Path) -> None:
    rows = written(tmp_path, reviews([point(summary="a"), point("ads", summary="b")], [], attr_app_version="6.3"))
    assert [(row["record"], row["topic"], row["summary"]) for row in rows] == [
        ("r0", "login", "a"),
        ("r0", "ads", "b"),
        ("r1", "", ""),
    ]
    assert {row["date"] for row in rows} == {"2026-11-23 02:00"}
    assert {(row["app_version"], row["link"], row["sentiment"]) for row in rows} == {
        ("6.3", "https://example.com/r", "negative")
    }


def test_parts_with_other_columns_stand_below_the_first_ones(tmp_path: Path) -> None:
    parts = (reviews([point()], attr_plan="gold", attr_rating=1), reviews([point()], attr_new="x"))
    assert [(row["plan"], row["rating"]) for row in written(tmp_path, *parts)] == [("gold", "1"), ("", "")]
    assert pd.read_csv(tmp_path / "r.csv")["rating"].iloc[0] == 1


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula_and_numbers_stay_numbers(tmp_path: Path, begin: str) -> None:
    text = f"{begin}1+cmd|' /C calc'!A0"
    (row,) = written(tmp_path, reviews([point(summary=text, quote='a "b",\nc')], attr_title=text, attr_change="-5.5"))
    assert row["summary"] == row["title"] == f"'{text}"
    assert (row["change"], row["quote"]) == ("-5.5", 'a "b",\nc')


def test_a_column_of_the_source_that_is_called_as_ours_keeps_its_own_name(tmp_path: Path) -> None:
    (row,) = written(tmp_path, reviews([point()], attr_topic="theirs"))
    assert (row["topic"], row["attr_topic"]) == ("login", "theirs")


def test_a_csv_that_fails_half_way_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(AttributeError):
        written(tmp_path, reviews([point()]), None)
    assert not (tmp_path / "r.csv").exists()


def test_an_answer_that_is_no_list_has_a_row_a_record() -> None:
    table = pa.Table.from_pylist(
        [{"record_id": "s1", "occurred_at": NIGHT, "theme": "check_in_out", "summary": "Late."}]
    )
    (row,) = feedback_rows(table, SURVEYS.report_fields).to_pylist()
    assert (row["topic"], row["summary"], row["quote"]) == ("check in out", "Late.", None)


def test_neither_texts_nor_costs_are_read() -> None:
    names = ["record_id", "text", "attr_rating", "cost_usd", "model", "run_id", "answer_key"]
    assert read_columns(names) == ["record_id", "attr_rating", "model", "run_id"]


def quotes_of(*tables: pa.Table) -> Quotes:
    quotes = Quotes(REVIEWS.report_fields)
    for table in tables:
        quotes.take(feedback_rows(table, REVIEWS.report_fields))
    return quotes


def test_a_typical_quote_comes_before_an_odd_one_whatever_their_ids() -> None:
    code = "The code by SMS arrives too late for the login."
    others = [[point(summary=code, quote=f"My SMS code number {n} came too late to be of any use.")] for n in range(9)]
    ads = [
        [point("ads", summary="The ads are loud and long.", quote=f"Ad {n} was far too loud again.")] for n in range(9)
    ]
    odd = [point(summary="A dog ate a phone.", quote="Yesterday our dog has eaten the phone, and so on.")]
    best = quotes_of(reviews(odd, *others, *ads)).best("login", 10)
    assert "dog" in (best[-1]["quote"] or "") and len(best) == 10
    assert "ads" not in {row["topic"] for row in best}


def test_a_severe_quote_comes_before_a_mild_one_and_a_sentence_before_two_words() -> None:
    mild, severe = (
        point(severity=how, summary="Code late.", quote=f"The code of my {how} case came in much too late.")
        for how in ("low", "high")
    )
    short = point(severity="high", summary="Code late.", quote="Late, late, very late.")
    best = quotes_of(reviews([mild], [short], [severe])).best("login", 3)
    assert [row["quote"] for row in best] == [severe["quote"], short["quote"], mild["quote"]]


def test_what_says_nothing_or_is_not_read_to_its_end_is_no_quote() -> None:
    rows = [[point(quote=text)] for text in ("Bad app.", "x" * 261, "", "This is of a good length.")]
    assert [row["quote"] for row in quotes_of(reviews(*rows)).best("login", 9)] == ["This is of a good length."]


def test_of_many_rows_few_are_held_and_the_choice_is_the_same_each_time() -> None:
    table = reviews(*([point(quote=f"The login did not work at attempt {n}.")] for n in range(2_000)))
    quotes = quotes_of(*(table.slice(start, 100) for start in range(0, 2_000, 100)))
    assert len(quotes._pools["login"]) < 400
    assert quotes.best("login", 3) == quotes_of(*(table.slice(start, 100) for start in range(0, 2_000, 100))).best(
        "login", 3
    )


def test_the_facts_of_a_quote_are_its_day_and_what_its_source_says_in_short() -> None:
    columns = {"attr_app_version": "6.3", "attr_rating": 1, "attr_title": "x" * 30, "attr_customer_key": "0" * 20}
    (row,) = feedback_rows(reviews([point()], **columns), REVIEWS.report_fields).to_pylist()
    assert facts(row) == "23 November 2026, app version 6.3, rating 1"
