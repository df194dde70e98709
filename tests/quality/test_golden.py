"""Scores against golden labels, and two prompts side by side."""

from typing import Any, Literal

import pytest

from include.answer.structured_output import QuotedSentence, StrictAnswer
from include.errors import ConfigurationError
from include.lake.effort import Effort, Usage
from include.llm.endpoint import RECORDED_MODEL
from include.llm.ledger import LedgerEntry
from include.pipelines.registry import load_pipeline, pipeline_names
from include.quality.comparison import Variant, score_table, score_variants, side_by_side
from include.quality.golden import load_golden, score_answers


class Item(StrictAnswer):
    """An item."""

    kind: Literal["bug", "praise"]
    summary: str


class Answer(StrictAnswer):
    """An answer with every kind of field that is scored, and one that is not."""

    mood: Literal["good", "bad"]
    items: list[Item]
    quote: QuotedSentence | None
    summary: str


MODEL = "gpt-6-luna"


def answer(mood: str, kinds: list[str], quote: str | None = None) -> dict[str, Any]:
    """An answer as it is stored."""
    items = [{"kind": kind, "summary": "free text"} for kind in kinds]
    return {"mood": mood, "items": items, "quote": quote, "summary": mood}


def test_a_closed_field_scores_its_accuracy_and_free_text_is_not_scored() -> None:
    scores = score_answers(
        Answer, [(answer("good", []), answer("good", [])), (answer("bad", []), answer("good", []))], MODEL
    )
    assert scores["mood"].score == 0.5
    assert "summary" not in scores


def test_a_list_scores_f1_over_its_items() -> None:
    scores = score_answers(Answer, [(answer("good", ["bug", "bug"]), answer("good", ["bug", "praise"]))], MODEL)
    assert (scores["items"].right, scores["items"].predicted, scores["items"].golden) == (1, 2, 2)
    assert scores["items"].score == pytest.approx(0.5)


def test_quotes_compare_folded() -> None:
    scores = score_answers(Answer, [(answer("good", [], "It’s fine"), answer("good", [], "it's  fine"))], MODEL)
    assert scores["quote"].score == 1


def test_a_record_without_an_answer_is_wrong_in_every_field() -> None:
    scores = score_answers(Answer, [(None, answer("good", ["bug"]))], MODEL)
    assert scores["mood"].score == 0
    assert scores["items"].score == 0


@pytest.mark.parametrize("name", pipeline_names())
def test_the_golden_labels_score_one_against_themselves(name: str) -> None:
    pipeline = load_pipeline(name)
    golden = load_golden(pipeline)
    scores = score_answers(pipeline.answer, [(labels, labels) for labels in golden.values()], MODEL)
    assert scores
    assert {score.score for score in scores.values() if score.golden} == {1.0}


def entry(mood: str | None) -> LedgerEntry:
    """An outcome that cost 0.5 USD."""
    return LedgerEntry(
        key=str(mood),
        answer=answer(mood, []) if mood else None,
        error_type=None if mood else "truncated",
        error_message="cut off",
        effort=Effort(Usage(100, 0, 10), 0.5, attempts=1, latency_ms=1, requests=1),
        processed_at="2026-11-23T00:00:00+00:00",
    )


def test_fields_that_differ_are_marked_and_a_nights_cost_is_told() -> None:
    pipeline = load_pipeline("support_tickets")
    one = Variant(MODEL, "v1", {"a": entry("good"), "b": entry("good")}, 1.0)
    two = Variant(MODEL, "v2", {"a": entry("bad"), "b": entry(None)}, 1.0)
    text = side_by_side([one, two], {"a": "Text of a", "b": "Text of b"})
    assert "  * mood (v1 on gpt-6-luna): good" in text
    assert "  * mood (v2 on gpt-6-luna): bad" in text
    assert "v2 on gpt-6-luna: no answer: truncated" in text
    assert score_variants(pipeline, [one, two], {}) == 0
    table = score_table([one, two], labelled=0, night=1_000)
    assert "500.00 USD" in table
    assert "1 of 2" in table


def test_recorded_answers_are_never_scored() -> None:
    with pytest.raises(ConfigurationError, match="Nothing is scored on recorded-answers: people wrote them"):
        score_answers(Answer, [(answer("good", []), answer("good", []))], RECORDED_MODEL)
    variants = [Variant(model, "v1", {"a": entry("good")}, 1.0) for model in (MODEL, RECORDED_MODEL)]
    with pytest.raises(ConfigurationError, match="no model was asked"):
        score_variants(load_pipeline("support_tickets"), variants, {})
    assert not variants[1].scores
