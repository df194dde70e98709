"""The gate tells a failing row from a failing batch, and its page is safe to forward."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from include.lake.schemas import results_schema
from include.pipelines.registry import load_pipeline
from include.quality.frames import validation_frames
from include.quality.gate import SMALL_BATCH_RECORDS, run_gate

PIPELINE = load_pipeline("app_store_reviews")
SCHEMA = results_schema(PIPELINE.answer, [])
TEXT = "The app crashes. I like the colours."


def review(number: int, **changes: Any) -> dict[str, Any]:
    """A published review with one piece of feedback; `changes` are to that piece."""
    item = {
        "kind": ("bug", "praise")[number % 2],
        "topic": ("crashes", "design", "login")[number % 3],
        "topic_other": "",
        "severity": "low",
        "summary": "Something is said.",
        "quote": "The app crashes.",
    }
    return {
        "record_id": f"r{number}",
        "record_version": "1",
        "source": PIPELINE.name,
        "occurred_at": datetime(2026, 11, 1, tzinfo=UTC),
        "text": TEXT,
        "sentiment": ("negative", "positive")[number % 2],
        "language": "en",
        "feedback": [{**item, **changes}],
    }


def table(*rows: dict[str, Any]) -> pa.Table:
    """Rows in the schema of the lake."""
    return pa.Table.from_pylist(list(rows), schema=SCHEMA)


def test_good_rows_pass() -> None:
    assert run_gate(table(*(review(number) for number in range(6))), PIPELINE, is_demo=False).success


def test_a_quote_that_is_not_in_the_text_fails_its_record_alone() -> None:
    rows = [review(0), review(1, quote="The app is great."), review(2)]
    result = run_gate(table(*rows), PIPELINE, is_demo=False)
    assert list(result.failing_records) == ["r1"]
    assert not result.suite_failures


def test_a_quote_is_found_in_spite_of_curly_marks_and_white_space() -> None:
    row = {**review(0, quote='It\'s "fine"  really.'), "text": "It’s “fine”\nreally. Yes."}
    frame = validation_frames(table(row), PIPELINE.answer)["feedback"]
    assert frame["quote_in_text"].tolist() == [True]


def test_a_value_outside_a_closed_set_fails_its_record() -> None:
    result = run_gate(table(review(0), review(1, kind="rant")), PIPELINE, is_demo=False)
    assert list(result.failing_records) == ["r1"]


def test_the_same_record_twice_fails() -> None:
    assert "r0" in run_gate(table(review(0), review(0)), PIPELINE, is_demo=False).failing_records


def test_one_topic_for_a_whole_large_batch_stops_it_and_a_small_or_demo_batch_only_warns() -> None:
    rows = [review(number, topic="login") for number in range(SMALL_BATCH_RECORDS)]
    assert run_gate(table(*rows), PIPELINE, is_demo=False).suite_failures
    assert not run_gate(table(*rows), PIPELINE, is_demo=True).suite_failures
    small = run_gate(table(*rows[:20]), PIPELINE, is_demo=False)
    assert not small.suite_failures
    assert any(not outcome.success and outcome.severity == "warning" for outcome in small.outcomes)


def test_an_empty_batch_passes_without_a_page() -> None:
    result = run_gate(table(), PIPELINE, is_demo=False)
    assert result.success
    assert result.data_docs == {}


def test_data_docs_hold_no_customer_text() -> None:
    hostile = '<script>alert("x")</script>'
    rows = [review(0, quote=hostile, topic=hostile), {**review(1), "language": hostile}]
    pages = "".join(run_gate(table(*rows), PIPELINE, is_demo=False).data_docs.values())
    assert pages
    assert "<script>alert" not in pages
    assert hostile not in pages
