"""The gate tells a failing row from a failing batch, and its page is safe to forward."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from include.lake.schemas import results_schema
from include.pipelines.registry import load_pipeline
from include.quality.frames import row_frames
from include.quality.gate import SMALL_BATCH_RECORDS, QualityGate
from tests.quality.judging import judge

ROOT = Path(__file__).parents[2]
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
    assert judge(PIPELINE, table(*(review(number) for number in range(6)))).success


def test_a_quote_that_is_not_in_the_text_fails_its_record_alone() -> None:
    rows = [review(0), review(1, quote="The app is great."), review(2)]
    judged = judge(PIPELINE, table(*rows))
    assert judged.failing_records == {"r1": ["feedback.quote must stand in the text word for word"]}
    assert not judged.result.suite_failures
    assert not judged.success


def test_a_quote_is_found_in_spite_of_curly_marks_and_white_space() -> None:
    row = {**review(0, quote='It\'s "fine"  really.'), "text": "It’s “fine”\nreally. Yes."}
    frame = row_frames(table(row), PIPELINE.answer)["feedback"]
    assert frame["quote_in_text"].tolist() == [True]


def test_a_value_outside_a_closed_set_fails_its_record() -> None:
    assert list(judge(PIPELINE, table(review(0), review(1, kind="rant"))).failing_records) == ["r1"]


def test_an_own_rule_about_each_share_that_fails_stops_the_batch() -> None:
    from great_expectations import expectations as expect

    from include.quality.suites import Suites

    rule = expect.ExpectColumnValuesToBeBetween(column="share", max_value=0.5, meta={"says": "no value has the half"})
    own = SimpleNamespace(FIELDS_THAT_VARY=(), expectations=lambda: {"shares": [rule]})
    shares = Suites(PIPELINE.answer, own).of_shares(blocking=True)
    assert (
        shares.judge(pd.DataFrame({"field": ["kind"] * 2, "value": ["a", "b"], "n": [3, 1], "share": [0.75, 0.25]}))
        == {}
    )
    assert [(check.success, check.unexpected) for check in shares.checks] == [(False, 1)]
    assert shares.checks[0].suite_failure


def test_the_same_record_twice_fails_also_in_another_part() -> None:
    assert list(judge(PIPELINE, table(review(0), review(1), review(0))).failing_records) == ["r0"]
    gate = QualityGate(PIPELINE, is_demo=False)
    assert gate.take(table(review(0), review(1))) == {}
    assert gate.take(table(review(2), review(1))) == {"r1": ["record_id must come only once in a run"]}


def test_one_topic_for_a_whole_large_batch_stops_it_and_a_small_or_demo_batch_only_warns() -> None:
    rows = [review(number, topic="login") for number in range(SMALL_BATCH_RECORDS)]
    (failure,) = judge(PIPELINE, table(*rows)).result.suite_failures
    assert failure == "it must not be that nearly every answer has one topic (observed 1)"
    assert not judge(PIPELINE, table(*rows), is_demo=True).result.suite_failures
    small = judge(PIPELINE, table(*rows[:20]))
    assert not small.result.suite_failures
    assert small.failed == [("feedback.topic", "warning")]


def test_parts_are_judged_as_the_whole() -> None:
    """Neither counts, nor shares, nor the size of the night depend on how the rows come."""
    rows = [review(number, topic="login") for number in range(SMALL_BATCH_RECORDS)]
    rows[3]["sentiment"], rows[300]["sentiment"], rows[301]["language"] = "angry", "calm", "EN"
    whole, parts = judge(PIPELINE, table(*rows)), judge(PIPELINE, table(*rows[:100]), table(), table(*rows[100:]))
    assert parts.failing_records == whole.failing_records
    assert parts.result.outcomes == whole.result.outcomes
    assert parts.result.data_docs == whole.result.data_docs
    (sentiment,) = [o for o in parts.result.outcomes if o.field == "sentiment" and o.unexpected_count]
    assert sentiment.unexpected_count == 2
    page = parts.result.data_docs["records"]
    assert f"over {SMALL_BATCH_RECORDS} rows" in page
    assert "<code>r3</code>, <code>r300</code>" in page


@pytest.mark.parametrize(("alike", "fails"), [(18, False), (19, True)])
def test_shares_are_those_of_the_rows_that_hold(alike: int, fails: bool) -> None:
    """Nine in ten is still usual; what is quarantined is not counted."""
    rows = [{**review(number), "sentiment": "positive" if number < alike else "mixed"} for number in range(20)]
    bad = [{**review(number, quote="No."), "sentiment": "neutral"} for number in range(20, 30)]
    judged = judge(PIPELINE, table(*rows), table(*bad))
    assert (("sentiment", "warning") in judged.failed) == fails


def test_a_run_in_which_no_row_holds_has_no_shares() -> None:
    judged = judge(PIPELINE, table(review(0, kind="rant")))
    assert list(judged.failing_records) == ["r0"]
    assert set(judged.result.data_docs) == {"records", "feedback"}


def test_a_night_without_a_single_point_is_stopped_too() -> None:
    """That the model finds nothing in any review is as odd as that it finds the same in all."""
    judged = judge(PIPELINE, table(*({**review(number), "feedback": []} for number in range(SMALL_BATCH_RECORDS))))
    assert judged.failed == [("feedback.kind", "critical"), ("feedback.topic", "critical")]
    assert all("(there was none)" in failure for failure in judged.result.suite_failures)


def test_an_empty_batch_passes_without_a_page_and_nothing_is_imported_that_nobody_needs() -> None:
    """Charts and distributions are there for whoever asks for them, and in their usual place for all others."""
    code = (
        "import sys\n"
        "from tests.quality.test_gate import PIPELINE, review, table\n"
        "from include.quality.gate import QualityGate\n"
        "gate = QualityGate(PIPELINE, is_demo=False)\n"
        "assert gate.take(table()) == {}\n"
        "result = gate.finish()\n"
        "assert result.success and result.data_docs == {}\n"
        "assert 'great_expectations' not in sys.modules\n"
        "assert gate.take(table(review(0))) == {}\n"
        "assert not {'altair', 'boto3', 'scipy.stats'} & {*sys.modules}\n"
        "from great_expectations.expectations.core import expect_column_kl_divergence_to_be_less_than as late\n"
        "from scipy.stats import entropy\n"
        "assert late.stats.entropy is entropy"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_data_docs_hold_no_customer_text() -> None:
    hostile = '<script>alert("x")</script>'
    rows = [review(0, quote=hostile, topic=hostile), {**review(1), "language": hostile}]
    pages = "".join(judge(PIPELINE, table(*rows)).result.data_docs.values())
    assert pages
    assert "<script>alert" not in pages
    assert hostile not in pages
