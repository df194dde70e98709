"""How the report looks on a telephone, on paper and to who does not run it."""

import re

import pandas as pd
import pytest

from include.pages.render import HERE
from include.quality.expectation_result import ExpectationResult
from include.report.page import render_page
from tests.report.test_report import REVIEWS, TICKETS, by_date, outcome, reviews

PRINTED = (HERE / "look.css").read_text(encoding="utf-8").partition("@media print {")[2].partition("\n}")[0]
EXPECTED = ExpectationResult("records", "nobody is sad", "warning", success=True, unexpected_count=0, observed=None)


@pytest.fixture(scope="module")
def page() -> str:
    """A report of six reviews."""
    rows = reviews("login", "login", "login", "price", "sync", "other")
    rows["sentiment"] = ["negative", "negative", "mixed", "neutral", "positive", "positive"]
    return render_page(outcome(rows, expectations=[EXPECTED]))


def test_charts_take_the_width_that_there_is_and_their_words_keep_their_size(page: str) -> None:
    charts = re.findall(r"<svg[^>]*>", page)
    assert len(charts) == 1 + 4
    for chart in charts:
        assert 'width="100%"' in chart and "viewBox" not in chart
    shares = [
        [float(width) for width in re.findall(r'<rect [^>]*width="([\d.]+)%', part)] for part in page.split("<svg")
    ]
    assert sum(shares[1]) == pytest.approx(100, abs=0.1), "moods"
    assert shares[2] == [88] and shares[3:] == [pytest.approx([88 / 3], abs=0.01)] * 3, "topics"
    assert page.count('<text x="') == 4 + 4


def test_the_words_on_a_pale_part_of_a_bar_are_dark(page: str) -> None:
    assert re.findall(r'class="(on-\w+)">', page) == ["on-strong", "on-pale", "on-pale", "on-strong"]


def test_paper_keeps_the_colours_of_a_legend_and_is_white_in_a_dark_browser(page: str) -> None:
    kept = next(line for line in PRINTED.splitlines() if "print-color-adjust: exact" in line)
    assert ".key" in kept and ".banner" in kept
    assert "details:not([open]) { display: none; }" in PRINTED, "what is folded cannot be opened there"
    assert "@media screen and (prefers-color-scheme: dark)" in page and "@media (prefers" not in page
    keys = set(re.findall(r'class="key" style="background:(#\w+)"', page))
    assert set(re.findall(r'<rect [^>]*fill="(#\w+)"', page)) <= keys


def test_what_concerns_engineers_is_folded_below_what_customers_say(page: str) -> None:
    customers, folded = page.split('<details class="engineers">')
    assert "<summary>For engineers: 1 of 1 expectations passed, tokens, cost and versions</summary>" in folded
    for words in ("nobody is sad", "<h2>Quality", "<h2>Tokens, cost and versions"):
        assert words in folded and words not in customers
    assert "<h2>What customers say" in customers


def test_what_changed_comes_first_then_topics_and_requests_and_no_raw_name_is_among_them() -> None:
    rows = reviews("login", "ads", kind="feature_request")
    held = pd.DataFrame([{"record_id": "q", "stage": "infer", "error_type": "invalid_json"}])
    broken = ExpectationResult("records", "topic_other: values != other", "warning", False, 1, "0.2333333")
    page = render_page(
        outcome(
            rows,
            expectations=[broken],
            quarantined=held,
            skipped={"has_outcome": 3},
            unreadable_values={"app_version": 1},
            by_date=by_date(60, 50, login=(20, 2), ads=(9, 9)),
        )
    )
    people, engineers = page.split("<main>")[1].split('<details class="engineers">')
    sections = ["The news", "By the date of the feedback", "What customers say", "In their own words"]
    assert re.findall(r"<h2>(.*?)</h2>", people) == [*sections, "What they ask for", "This run"]
    for raw in ("extracted", "published", "skipped", "quarantine", "expectation", "topic_other", "_", "0.2333"):
        assert raw not in people.replace("rel=", "").lower(), raw
    assert "<span>came in</span>" in people and "<span>left out</span>" in people and "Left out: 3 already" in people
    assert "1 of 1 checks of the answers did not hold" in people and "1 set aside: 1 invalid json" in people
    for words in ("<h2>Quarantine", "topic_other", "app_version"):
        assert words in engineers


def test_a_legend_is_named_as_the_pipeline_names_it(page: str) -> None:
    assert f"Topics by volume and {REVIEWS.report_fields.severity}<" in page
    row = {"record_id": "t", "category": "billing", "priority": "high", "sentiment": "negative", "problem": "p"}
    tickets = reviews("login").assign(**row).drop(columns="feedback")
    assert f"Topics by volume and {TICKETS.report_fields.severity}<" in render_page(outcome(tickets, TICKETS))


def test_a_quote_says_what_is_high_about_it(page: str) -> None:
    assert "· severity high · complaint · " in page
    answer = {"category": "billing", "priority": "high", "escalation_risk": "high", "problem": "Twice charged."}
    quote = {"sentiment": "negative", "escalation_quote": "I was charged twice this month.", "request": "Refund it."}
    tickets = pd.DataFrame([{"record_id": "t", "record_version": "1", **answer, **quote}])
    assert "· priority high · escalation risk high · " in render_page(outcome(tickets, TICKETS))
