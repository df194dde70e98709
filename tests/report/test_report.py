"""What the report says, and that it is safe to forward."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from include.lake.schemas import QUARANTINE_SCHEMA, RUNS_SCHEMA
from include.llm.providers.model_end import ModelEnd
from include.pipelines.registry import load_pipeline
from include.quality.expectation_result import ExpectationResult
from include.report.by_date import ByDate, LabelWeeks
from include.report.digest import Digest
from include.report.headline import headline
from include.report.news import changes
from include.report.notify import slack_text
from include.report.page import render_page
from include.report.quotes import Quotes
from include.report.records import feedback_rows
from include.report.report_input import ReportInput
from include.report.theme_rows import ThemeRow

REVIEWS, TICKETS, CALLS, SURVEYS = (
    load_pipeline(name) for name in ("app_store_reviews", "support_tickets", "call_transcripts", "survey_answers")
)
END = datetime(2026, 11, 23, 2, tzinfo=UTC)
SCRIPT = "<script>alert(1)</script>"


def item(
    topic: str, kind: str = "complaint", severity: str = "high", quote: str = "It crashes every time."
) -> dict[str, str]:
    """A piece of feedback."""
    return {
        "kind": kind,
        "topic": topic,
        "topic_other": "parking" if topic == "other" else "",
        "severity": severity,
        "summary": f"About {topic}.",
        "quote": quote,
    }


def reviews(*topics: str, **changes: str) -> pd.DataFrame:
    """One published review for each topic, lists as Parquet gives them back."""
    rows = [
        {"record_id": f"r{number}", "sentiment": "negative", "feedback": np.array([item(topic, **changes)])}
        for number, topic in enumerate(topics)
    ]
    return pd.DataFrame(rows, columns=["record_id", "sentiment", "feedback"])


def outcome(published: pd.DataFrame, pipeline: Any = REVIEWS, **changes: Any) -> ReportInput:
    """A run that published these rows."""
    run = dict.fromkeys(RUNS_SCHEMA.names) | {
        "run_id": "manual__1",
        "extracted": len(published),
        "published": len(published),
        "quarantined": 0,
        "skipped": 0,
        "cost_usd": 0.25,
        "model": "gpt-4.1-mini",
        "prompt_version": "v1",
        "window_end": END,
        "started_at": END,
        "finished_at": END,
    }
    fields: dict[str, Any] = {
        "pipeline": pipeline,
        "run": run | changes.pop("run", {}),
        "digest": Digest(pipeline.report_fields),
        "quotes": Quotes(pipeline.report_fields),
        "records": "night.csv",
        "quarantined": pd.DataFrame(columns=QUARANTINE_SCHEMA.names),
        "skipped": {},
        "expectations": [],
        "demo_model": False,
        "data_docs": {},
    }
    fields["digest"].take(published.to_dict("records"))
    rows = pa.Table.from_pandas(published.assign(occurred_at=END))
    fields["quotes"].take(feedback_rows(rows, pipeline.report_fields))
    return ReportInput(**(fields | changes))


def test_the_subject_carries_the_news() -> None:
    subject = headline(outcome(reviews("login", "login", "ads"))).subject
    assert "login leads with 2 of 3" in subject
    assert "success" not in subject


def test_a_source_without_a_sentiment_has_no_share_no_line_and_no_bar_of_it() -> None:
    without = replace(REVIEWS, report_fields=replace(REVIEWS.report_fields, sentiment=None))
    found = outcome(reviews("login", "login", "ads").drop(columns="sentiment"), without)
    assert "sentiment" not in found.digest.columns
    assert headline(found).subject == f"{REVIEWS.title}: login leads with 2 of 3"
    assert headline(found).lines[0] == "3 reviews in this run"
    page = render_page(found)
    assert "Sentiment" not in page and "login" in page
    assert "Sentiment" in render_page(outcome(reviews("login", "login", "ads")))


def test_no_share_is_made_of_records_whose_sentiment_is_unknown() -> None:
    published = reviews("login")
    published["sentiment"] = None
    assert "negative" not in headline(outcome(published)).subject


def by_date(*weeks_of: int, **labels: Sequence[int]) -> ByDate:
    """Feedback by date, of so many records in each week, this one first."""
    now, before = (
        {name: sum(counts[part]) for name, counts in labels.items()} for part in (slice(0, 1), slice(1, None))
    )
    news = {one.label: one for one in changes(now, weeks_of[0], before, sum(weeks_of[1:]))}
    rows = [LabelWeeks(name.replace("_", " "), 1, counts, news.get(name)) for name, counts in labels.items()]
    return ByDate(
        end=END,
        since=date(2026, 9, 1),
        are_customers=False,
        day_of=10,
        weeks_of=weeks_of,
        labels=rows,
        news=[row for row in rows if row.change],
        looked_at=len(rows),
        looks=1,
        answered_by=(frozenset(), frozenset()),
    )


def test_a_topic_that_grew_is_the_news() -> None:
    found = outcome(reviews("login", "ads"), by_date=by_date(60, 50, 55, login=(20, 2, 3), ads=(12, 10, 11)))
    assert headline(found).subject == (
        f"{REVIEWS.title}: login in 20 of 60 reviews this week, up from 2 of 50 the week before; 100 % negative of 2"
    )
    assert headline(found).lines[0] == "Login: 20 of 60 reviews this week (14 to 28), up from 2 of 50 the week before"
    page = render_page(found)
    assert '<span class="warn">rising</span>' in page
    assert "There is feedback since 1 September 2026." in page
    assert "corrected for the 2 topics" in page


def test_where_nothing_changed_the_first_line_says_so() -> None:
    found = outcome(reviews("login", "ads"), by_date=by_date(60, 50, login=(20, 18), ads=(12, 10)))
    assert headline(found).lines[0].startswith("Nothing changed by more than chance, of 2 topics")
    assert "rising" not in render_page(found).split("By the date")[1].split("</table>")[0]


def test_few_records_tell_nothing_and_that_is_said() -> None:
    found = outcome(reviews("login"), by_date=replace(by_date(4, 3, login=(2, 1)), looked_at=0))
    assert headline(found).lines[0] == "Too few reviews to tell whether any topic changed"


@pytest.mark.parametrize("found", [None, by_date(60, login=(20,))])
def test_without_weeks_before_the_news_is_what_leads_and_nothing_is_said_to_be_compared(found: ByDate | None) -> None:
    said = headline(outcome(reviews("login"), by_date=found))
    assert "login leads" in said.subject and said.lines[0].startswith("1 review in this run")


def test_at_most_three_changes_have_a_line_and_the_others_are_named() -> None:
    labels = {f"t{n}": (20, 2) for n in range(5)}
    lines = headline(outcome(reviews("t0"), by_date=by_date(100, 100, **labels))).lines
    assert lines[3] == "Changed too: t3, t4" and "in this run" in lines[4]


def test_a_label_of_two_words_reads_as_two_words_and_few_topics_are_shown_besides_the_news() -> None:
    labels = {f"t{n}": (9, 9) for n in range(12)} | {"customer_support": (8, 8), "not_shown": (1, 1)}
    found = outcome(reviews("customer_support"), by_date=by_date(100, 100, **labels, quiet_one=(0, 30)))
    table = render_page(found).split("By the date")[1].split("</table>")[0]
    assert "customer_support" not in render_page(found)
    assert "t11" in table and "not shown" not in table and "quiet one" in table


@pytest.mark.parametrize(("days", "is_news"), [(29, True), (30, False), (-3, True)])
def test_a_models_end_stands_in_the_engineers_part_and_first_when_it_is_near(days: int, is_news: bool) -> None:
    end = ModelEnd("gpt-4.1-mini", (END + timedelta(days=days)).date().isoformat(), "gpt-6-luna", "its vendor")
    found = outcome(reviews("login"), model_end=end)
    sentence = end.sentence(END.date())
    assert f"{sentence} (says its vendor)" in render_page(found).split("Tokens, cost and versions")[1]
    assert (f"{sentence}: set NIGHTSHIFT_MODEL" in headline(found).lines) == is_news
    assert "the model's end" not in render_page(outcome(reviews("login")))


def test_customer_text_is_escaped_everywhere() -> None:
    published = reviews("other", kind="feature_request", quote=f"Please add {SCRIPT} to it.")
    published["feedback"] = [
        np.array([{**row[0], "topic_other": SCRIPT, "summary": SCRIPT}]) for row in published["feedback"]
    ]
    held = pd.DataFrame(
        [{"record_id": SCRIPT, "stage": "infer", "error_type": SCRIPT}], columns=QUARANTINE_SCHEMA.names
    )
    broken = [ExpectationResult("records", SCRIPT, "critical", False, 1, SCRIPT)]
    news = by_date(60, 50, **{SCRIPT: (20, 2)})
    page = render_page(outcome(published, quarantined=held, expectations=broken, by_date=news))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_slack_takes_no_link_from_a_customer() -> None:
    found = outcome(reviews("other"), by_date=by_date(60, 50, **{"other: <https://example.com|ours>": (20, 2)}))
    text = slack_text(headline(found))
    assert "<" not in text.replace("&lt;", "") and "20 of 60 reviews" in text


def test_the_demo_model_is_named_in_a_banner() -> None:
    banner = "bundled demo model"
    assert banner in render_page(outcome(reviews("login"), demo_model=True))
    assert banner not in render_page(outcome(reviews("login")))


def test_an_empty_batch_has_a_friendly_page() -> None:
    page = render_page(outcome(reviews()))
    assert "Nothing new came in this window" in page
    assert "nothing new" in headline(outcome(reviews())).subject


def test_an_unknown_cost_is_unknown_and_not_zero() -> None:
    assert '<b class="money">unknown</b>' in render_page(outcome(reviews("login"), run={"cost_usd": None}))


def test_severe_quotes_come_first_and_at_most_two_a_topic() -> None:
    rows = [
        {
            "record_id": f"r{n}",
            "sentiment": "negative",
            "feedback": [item("login", severity="low", quote=f"Quote number {n} is here.")],
        }
        for n in range(5)
    ]
    rows.append(
        {"record_id": "severe", "sentiment": "negative", "feedback": [item("ads", quote="This one is the worst.")]}
    )
    page = render_page(outcome(pd.DataFrame(rows)))
    assert page.index("This one is the worst.") < page.index("Quote number")
    assert page.count("<blockquote") == 3


def test_a_quote_that_hundreds_repeat_hides_no_other() -> None:
    rows = [
        {"record_id": f"r{n:03d}", "sentiment": "negative", "feedback": [item("login", quote="The same words again.")]}
        for n in range(400)
    ]
    rows.append(
        {"record_id": "z", "sentiment": "negative", "feedback": [item("login", quote="Other words, but once.")]}
    )
    page = render_page(outcome(pd.DataFrame(rows)))
    assert page.count("<blockquote") == 2 and "Other words, but once." in page


def test_a_quote_leads_to_its_record_and_to_a_page_of_the_web_only() -> None:
    urls = {"login": "https://example.com/reviews/1", "ads": "javascript:alert(1)"}
    published = reviews(*urls).assign(source_url=[*urls.values()], attr_app_version="6.3", attr_country="DE")
    published["feedback"] = [[item(topic, quote=f"The {topic} have been broken since then.")] for topic in urls]
    page = render_page(outcome(published, by_date=by_date(60, 50, login=(20, 2), ads=(9, 9))))
    opened = page.split("<details>")[1].split("</details>")[0]
    assert "The login have been broken since then." in opened
    assert "23 November 2026, app version 6.3, country DE" in opened
    assert '<a href="https://example.com/reviews/1" rel="noreferrer"><code>r0</code></a>' in opened
    assert "javascript" not in page and "<code>r1</code>" in page


def test_what_a_page_has_no_room_for_is_in_the_csv() -> None:
    page = render_page(outcome(reviews(*["login"] * 5, kind="bug")))
    assert '<a href="night.csv">all 5 as CSV</a>' in page and "more</li>" not in page


def test_requests_and_defects_have_sections_with_record_ids() -> None:
    rows = [
        {"record_id": "wish", "sentiment": "neutral", "feedback": [item("sync", kind="feature_request")]},
        {"record_id": "defect", "sentiment": "negative", "feedback": [item("crashes", kind="bug")]},
    ]
    page = render_page(outcome(pd.DataFrame(rows)))
    assert "What they ask for" in page
    assert "What is broken" in page
    assert "<code>wish</code>" in page
    assert "<code>defect</code>" in page


def test_tickets_show_what_customers_ask_for() -> None:
    row = {
        "record_id": "T-1",
        "category": "billing",
        "priority": "urgent",
        "problem": "Charged twice.",
        "request": "Refund the second charge.",
        "sentiment": "negative",
        "escalation_risk": "high",
        "escalation_quote": "I will call my lawyer tomorrow.",
    }
    page = render_page(outcome(pd.DataFrame([row]), pipeline=TICKETS))
    assert "Refund the second charge." in page
    assert "I will call my lawyer tomorrow." in page


def test_what_is_broken_is_told_in_other_words_than_what_is_asked_for() -> None:
    row = {
        "record_id": "s1",
        "sentiment": "negative",
        "kind": "problem",
        "theme": "facilities",
        "weight": "medium",
        "summary": "The pool was cold.",
        "suggestion": "Heat the pool.",
        "quote": "Brr.",
    }
    page = render_page(outcome(pd.DataFrame([row]), SURVEYS))
    asked, broken = page.split("What they ask for")[1].split("What is broken")
    assert "Heat the pool." in asked and "The pool was cold." not in asked
    assert "The pool was cold." in broken and "Heat the pool." not in broken


def test_calls_show_the_actions() -> None:
    row = {
        "record_id": "C-1",
        "reason_category": "billing",
        "summary": "A call.",
        "customer_sentiment_end": "neutral",
        "outcome": "follow_up",
        "action_items": [{"owner": "company", "action": "Send the refund"}],
    }
    assert "Send the refund" in render_page(outcome(pd.DataFrame([row]), pipeline=CALLS))


def test_the_quarantine_is_told_by_reason_with_ids_and_without_texts() -> None:
    held = pd.DataFrame(
        [{"record_id": f"q{n}", "stage": "infer", "error_type": "truncated", "text": "secret text"} for n in range(3)],
        columns=QUARANTINE_SCHEMA.names,
    )
    page = render_page(outcome(reviews("login"), quarantined=held))
    assert "truncated" in page
    assert "q0, q1, q2" in page
    assert "secret text" not in page


@pytest.mark.parametrize("feedback", [None, np.nan, [], np.array([])])
def test_a_review_without_feedback_is_counted_and_breaks_nothing(feedback: Any) -> None:
    published = pd.DataFrame([{"record_id": "r", "sentiment": "neutral", "feedback": feedback}])
    assert "neutral 1" in render_page(outcome(published))


TRIAL = {"run_key": "manual-1-0123-trial", "prompt_version": "v2", "model": "gpt-4o-mini"}
TRIAL_MARK = "Trial of v2 on gpt-4o-mini, not in current/"


@pytest.mark.parametrize("told", [TRIAL, {**TRIAL, "purpose": "trial", "run_key": "manual-1-0123"}])
def test_a_trial_is_marked_in_title_subject_and_page(told: dict[str, Any]) -> None:
    found = outcome(reviews("login"), run=told)
    assert headline(found).subject.startswith(TRIAL_MARK)
    page = render_page(found)
    assert f"<title>{TRIAL_MARK}" in page
    assert f'<div class="banner mark">{TRIAL_MARK}</div>' in page


@pytest.mark.parametrize("published", [reviews("login"), reviews()])
def test_a_run_that_its_budget_stopped_says_so_in_its_subject(published: pd.DataFrame) -> None:
    found = headline(outcome(published, skipped={"over_budget": 7, "has_outcome": 2}))
    assert "budget used up, 7 records wait" in found.subject
    assert "Budget used up, 7 records wait for the next run" in found.lines
    assert "budget" not in headline(outcome(published)).subject


def test_a_night_has_no_mark() -> None:
    assert 'class="banner mark"' not in render_page(outcome(reviews("login"), run={"purpose": "night"}))


def test_a_dry_run_counts_what_waits_apart_from_what_is_known() -> None:
    run = {"purpose": "dry_run", "skipped": 300, "extracted": 300, "estimated_cost_usd": 0.0}
    found = headline(outcome(reviews(), run=run, skipped={"has_outcome": 290, "dry_run": 10}, dry_run=True))
    assert found.lines == ["10 records wait, 290 have an outcome already; nothing was asked."]
    assert "0.00 USD for 10 records" in found.subject
    assert found.subject.startswith("Dry run of v1 on gpt-4.1-mini, nothing was asked")


@pytest.mark.parametrize(
    ("stage", "reason", "again", "raise_cap"),
    [
        ("infer", "too_long", False, True),
        ("extract", "empty_text", False, False),
        ("infer", "truncated", True, False),
        ("validate", "expectation_failed", True, False),
    ],
)
def test_the_quarantine_offers_only_what_helps(stage: str, reason: str, again: bool, raise_cap: bool) -> None:
    held = pd.DataFrame([{"record_id": "q", "stage": stage, "error_type": reason}], columns=QUARANTINE_SCHEMA.names)
    page = render_page(outcome(reviews("login"), quarantined=held))
    assert ("asks once more" in page) is again
    assert ("max_text_characters" in page) is raise_cap


@pytest.mark.parametrize(
    ("run", "changes", "line"),
    [
        (
            {"mode": "flex", "service_tier_counts": [("default", 12), ("flex", 48)]},
            {"saved_usd": 0.25},
            "Answers by service tier: 48 at flex, 12 at default; flex has saved about 0.25 USD",
        ),
        ({"mode": "flex", "service_tier_counts": [("flex", 3)]}, {}, "Answers by service tier: 3 at flex"),
        (
            {"mode": "flex", "service_tier_counts": [], "requests": 3},
            {"saved_usd": 0.0},
            "The endpoint does not say at which tier it bills: the cost is that of the standard one",
        ),
        (
            {"mode": "online", "requests": 3},
            {"no_flex": "Invalid service_tier argument"},
            "Flex was asked for, and the run went online: Invalid service_tier argument",
        ),
        ({"mode": "flex", "service_tier_counts": [], "requests": 0}, {}, None),
        ({"mode": "online", "service_tier_counts": [("default", 3)], "requests": 3}, {"saved_usd": 0.0}, None),
    ],
)
def test_a_run_that_asked_for_flex_says_what_came_of_it(
    run: dict[str, Any], changes: dict[str, Any], line: str | None
) -> None:
    found = outcome(reviews("login"), run=run, **changes)
    said = [one for one in headline(found).lines if "tier" in one or "lex" in one]
    assert said == ([] if line is None else [line])
    assert line is None or line in render_page(found)


def test_a_theme_is_shown_with_its_counts_its_status_and_its_quotes_and_what_is_hostile_is_text() -> None:
    quote = {**dict.fromkeys(("severity", "kind", "summary", "link")), "quote": SCRIPT, "record": "r1"}
    quotes = [quote | {"date": "2026-11-22 10:00", "topic": "t_1"}]
    weeks = LabelWeeks("t_1", 1, [7, 31])
    row = ThemeRow(f"Late codes {SCRIPT}", "shipped", weeks, SCRIPT, f"Shipped {SCRIPT}", [f"calls {SCRIPT}"], quotes)
    page = render_page(outcome(reviews("login"), by_date=by_date(40, 50, login=[20, 2]), themes=[row]))
    assert SCRIPT not in page
    section = page[page.index("<h2>Themes</h2>") :]
    section = section[: section.index("</section>")]
    assert section.count("&lt;script&gt;") == 6
    assert "(shipped)</span><br>" in section and '</td><td class="number">7</td><td class="number">31</td>' in section
    assert 'href="night.csv"' in section


def test_a_lake_without_themes_has_no_section_of_them() -> None:
    assert "Themes" not in render_page(outcome(reviews("login"), by_date=by_date(40, 50, login=[20, 2])))
