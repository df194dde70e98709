"""The folder `include/pipelines/support_tickets/`: what it bundles fits together."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from include.answer.structured_output import parse_answer, split_sentences
from include.llm.prompt import load_prompt
from include.pipelines.definition import Pipeline
from include.pipelines.registry import load_pipeline
from include.pipelines.support_tickets.expectations import FIELDS_THAT_VARY
from include.pipelines.support_tickets.output import Answer
from tests.quality.judging import judge, table

NAME = "support_tickets"
GOOD_ROW = {
    "problem": "The kettle came without the lid.",
    "request": "",
    "product_area": "kettle",
    "category": "delivery",
    "priority": "normal",
    "sentiment": "neutral",
    "escalation_risk": "low",
    "escalation_quote": None,
    "language": "en",
    "text": "The kettle came without the lid. I sue.",
}
# Of so few rows all have one label.
FEW_ROWS = [("category", "warning"), ("priority", "warning")]


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    """The pipeline as the registry loads it."""
    return load_pipeline(NAME)


@pytest.fixture(scope="module")
def samples(pipeline: Pipeline) -> list[dict[str, Any]]:
    """The bundled tickets."""
    return _json_lines(pipeline.folder / "samples" / "tickets.jsonl")


@pytest.fixture(scope="module")
def labels(pipeline: Pipeline) -> dict[str, dict[str, Any]]:
    """What a careful person answers, by record id."""
    rows = _json_lines(pipeline.golden_path)
    assert len({row["record_id"] for row in rows}) == len(rows)
    return {row["record_id"]: row["answer"] for row in rows}


def test_the_digest_names_fields_of_the_answer(pipeline: Pipeline) -> None:
    """A report that asks for a field that does not exist would fail only at night."""
    report_fields = pipeline.report_fields
    named = (
        report_fields.topic,
        report_fields.summary,
        report_fields.sentiment,
        report_fields.kind,
        report_fields.severity,
        report_fields.quote,
        report_fields.request,
    )
    assert set(named) <= set(Answer.model_fields)


def test_every_field_is_described() -> None:
    """A model that takes schemas reads the descriptions: they are half of the prompt."""
    assert [name for name, info in Answer.model_fields.items() if not info.description] == []


def test_samples_are_tickets_with_known_attributes(pipeline: Pipeline, samples: list[dict[str, Any]]) -> None:
    """Each has an id of its own, a text, a time in UTC and the typed attributes."""
    ids = [row["id"] for row in samples]
    assert len(samples) == 40
    assert len(set(ids)) == len(ids)
    for row in samples:
        assert isinstance(row["text"], str)
        assert row["created_at"].endswith("Z")
        assert datetime.fromisoformat("2026-09-20T00:00:00Z") <= datetime.fromisoformat(row["created_at"])
        assert datetime.fromisoformat(row["created_at"]) < datetime.fromisoformat("2026-11-20T00:00:00Z")
        # Only mails have a subject.
        assert set(row) | {"subject"} == {"id", "text", "created_at", *pipeline.attributes}
        assert ("subject" in row) == (row["channel"] == "email")
        for name, kind in pipeline.attributes.items():
            assert name == "subject" or isinstance(row[name], kind)


def test_every_sample_with_a_text_has_a_label(samples: list[dict[str, Any]], labels: dict[str, dict[str, Any]]) -> None:
    """Only the empty ticket has none: it is quarantined before anyone is asked."""
    assert list(labels) == [row["id"] for row in samples if row["text"].strip()]
    assert len(labels) == len(samples) - 1


def test_labels_are_answers_that_the_schema_allows(
    samples: list[dict[str, Any]], labels: dict[str, dict[str, Any]]
) -> None:
    """Read back through the model's own way, a label comes out as it is stored, its quote word for word."""
    texts = {row["id"]: row["text"] for row in samples}
    for record_id, answer in labels.items():
        sentences = split_sentences(texts[record_id])
        quote = answer["escalation_quote"]
        number = None if quote is None else sentences.index(quote) + 1
        content = json.dumps({**answer, "escalation_quote": number})
        assert parse_answer(Answer, content, sentences) == answer


def test_a_label_quotes_exactly_when_there_is_a_risk(labels: dict[str, dict[str, Any]]) -> None:
    """The sentence is the evidence for the alarm: no alarm without it, no sentence without alarm."""
    for record_id, answer in labels.items():
        assert (answer["escalation_risk"] == "low") == (answer["escalation_quote"] is None), record_id


def test_the_same_text_has_the_same_label(samples: list[dict[str, Any]], labels: dict[str, dict[str, Any]]) -> None:
    """The bundled duplicate is paid for once, so its two answers must be one."""
    by_text: dict[str, list[dict[str, Any]]] = {}
    for row in samples:
        if row["id"] in labels:
            by_text.setdefault(row["text"], []).append(labels[row["id"]])
    pairs = [answers for answers in by_text.values() if len(answers) > 1]
    assert len(pairs) == 1
    assert pairs[0][0] == pairs[0][1]


def test_the_prompts_load_and_the_examples_are_not_samples(pipeline: Pipeline, samples: list[dict[str, Any]]) -> None:
    """An example out of the samples would let the golden test mark its own homework."""
    assert pipeline.prompt_versions() == ["v1", "v2", "v3"]
    prompts = [load_prompt(pipeline.folder, version, Answer) for version in pipeline.prompt_versions()]
    assert len({prompt.hash for prompt in prompts}) == len(prompts)
    for prompt in prompts:
        assert prompt.numbered
        assert len(prompt.examples) == 2
        assert all(name in prompt.system for name in Answer.model_fields)
        assert not {text for text, *_ in prompt.examples} & {row["text"] for row in samples}


def test_great_expectations_accepts_good_rows(pipeline: Pipeline) -> None:
    """Every expectation runs on pandas without an exception and passes."""
    rows = [GOOD_ROW, {**GOOD_ROW, "escalation_risk": "high", "escalation_quote": "I sue."}]
    assert judge(pipeline, table(pipeline, rows)).failed == FEW_ROWS


def test_each_bad_value_fails_its_record_for_one_reason(pipeline: Pipeline) -> None:
    """Exactly one expectation fails, and it is about that column."""
    bad = [
        ("category", "parcels"),
        ("priority", "critical"),
        ("sentiment", "angry"),
        ("escalation_risk", "none"),
        ("language", "EN"),
        ("problem", ""),
        ("problem", "x" * 241),
        ("request", "x" * 241),
        ("product_area", "x" * 41),
        ("escalation_quote", "Nobody said this."),
    ]
    rows = [GOOD_ROW, *({**GOOD_ROW, column: value} for column, value in bad)]
    failing = judge(pipeline, table(pipeline, rows)).failing_records
    assert sorted(map(int, failing)) == list(range(1, len(rows)))
    for number, (column, _) in enumerate(bad, 1):
        (sentence,) = failing[str(number)]
        assert sentence.startswith(f"{column} must ")


def test_a_high_risk_without_its_sentence_is_a_warning(pipeline: Pipeline) -> None:
    """The ticket stays readable; somebody should look at the prompt."""
    result = judge(pipeline, table(pipeline, [GOOD_ROW, {**GOOD_ROW, "escalation_risk": "high"}]))
    assert result.success
    assert result.failed == [("escalation_quote", "warning"), *FEW_ROWS]


def test_which_labels_must_differ_in_a_night() -> None:
    assert FIELDS_THAT_VARY == ("category", "priority")


def _json_lines(path: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in path.read_bytes().decode("utf-8", "strict").split("\n") if line]
    assert all(isinstance(row, dict) for row in rows)
    return rows
