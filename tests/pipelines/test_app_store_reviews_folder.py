"""The folder `include/pipelines/app_store_reviews/`: what it bundles fits together."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from include.answer.arrow_types import arrow_fields
from include.answer.structured_output import parse_answer, split_sentences
from include.llm.prompt import load_prompt
from include.pipelines.app_store_reviews.expectations import FIELDS_THAT_VARY
from include.pipelines.app_store_reviews.output import MOST_ITEMS, Answer, FeedbackItem
from include.pipelines.definition import Pipeline
from include.pipelines.registry import load_pipeline
from include.sources.record import Record, UnreadableRecord
from tests.quality.judging import judge, table
from tests.sources.reading import read_files

NAME = "app_store_reviews"
PULLED_AT = datetime(2026, 11, 20, tzinfo=UTC)
GOOD_ITEM = {
    "quote": "It crashes.",
    "summary": "The app crashes.",
    "kind": "bug",
    "topic": "crashes",
    "topic_other": "",
    "severity": "high",
}
GOOD_RECORD = {"text": "It crashes.", "sentiment": "negative", "language": "en", "feedback": [GOOD_ITEM]}


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    """The pipeline as the registry loads it."""
    return load_pipeline(NAME)


@pytest.fixture(scope="module")
def samples(pipeline: Pipeline) -> list[dict[str, Any]]:
    """The bundled reviews as they are in the file."""
    return _json_lines(pipeline.folder / "samples" / "reviews.jsonl")


@pytest.fixture(scope="module")
def pulled(pipeline: Pipeline) -> list[Record | UnreadableRecord]:
    """The bundled reviews as a run pulls them: cleaned and redacted."""
    return list(
        read_files(pipeline.sample_glob, source=NAME, attributes=pipeline.attributes, pulled_at=PULLED_AT),
    )


@pytest.fixture(scope="module")
def texts(pulled: list[Record | UnreadableRecord]) -> dict[str, str]:
    """Redacted text by record id."""
    return {record.record_id: record.text for record in pulled if isinstance(record, Record)}


@pytest.fixture(scope="module")
def labels(pipeline: Pipeline) -> dict[str, dict[str, Any]]:
    """What a careful person answers, by record id."""
    rows = _json_lines(pipeline.golden_path)
    assert len({row["record_id"] for row in rows}) == len(rows)
    return {row["record_id"]: row["answer"] for row in rows}


def test_the_digest_names_fields_of_the_answer(pipeline: Pipeline) -> None:
    """A report that asks for a field that does not exist would fail only at night."""
    report_fields = pipeline.report_fields
    of_an_item = (
        report_fields.topic,
        report_fields.topic_other,
        report_fields.summary,
        report_fields.kind,
        report_fields.severity,
        report_fields.quote,
    )
    assert {report_fields.items, report_fields.sentiment} <= set(Answer.model_fields)
    assert set(of_an_item) <= set(FeedbackItem.model_fields)


def test_every_field_is_described() -> None:
    """A model that takes schemas reads the descriptions: they are half of the prompt."""
    fields = {**Answer.model_fields, **FeedbackItem.model_fields}
    assert [name for name, info in fields.items() if not info.description] == []


def test_the_answer_has_a_parquet_type() -> None:
    """Feedback becomes one list of structs, quotes become text."""
    types = {field.name: str(field.type) for field in arrow_fields(Answer)}
    assert set(types) == {"sentiment", "language", "feedback"}
    assert types["feedback"].startswith("list<")
    assert "quote: string" in types["feedback"]


def test_more_points_than_the_cap_are_refused() -> None:
    """A model that cannot stop must not fill the lake."""
    item = {**{name: GOOD_ITEM[name] for name in FeedbackItem.model_fields}, "quote": 1}
    answer = {"sentiment": "negative", "language": "en", "feedback": [item] * MOST_ITEMS}
    assert Answer.model_validate_json(json.dumps(answer))
    with pytest.raises(ValidationError):
        Answer.model_validate_json(json.dumps({**answer, "feedback": [item] * (MOST_ITEMS + 1)}))


def test_samples_are_reviews_with_known_attributes(pipeline: Pipeline, samples: list[dict[str, Any]]) -> None:
    """Each has an id of its own, a text, a time in UTC and the typed attributes; `app` is kept as it comes."""
    ids = [row["id"] for row in samples]
    assert len(samples) == 60
    assert len(set(ids)) == len(ids)
    for row in samples:
        assert set(row) == {"id", "text", "created_at", "app", *pipeline.attributes}
        assert isinstance(row["text"], str)
        assert row["created_at"].endswith("Z")
        assert datetime(2026, 9, 20, tzinfo=UTC) <= datetime.fromisoformat(row["created_at"]) < PULLED_AT
        assert row["rating"] in range(1, 6)
        for name, kind in pipeline.attributes.items():
            assert isinstance(row[name], kind)


def test_the_sample_holds_what_nights_are_made_of(samples: list[dict[str, Any]], texts: dict[str, str]) -> None:
    """Hostile and awkward reviews stay in the sample, so that every demo run shows what becomes of them."""
    together = "\n".join(row["text"] for row in samples)
    for hazard in ("\u2028", "\u202e", "<script>", "</record>", "=cmd|", "Ignore all previous instructions", "💛"):
        assert hazard in together, hazard
    assert max(len(row["text"]) for row in samples) > 2_400
    assert {"<EMAIL_1>", "<PHONE_1>"} <= set("\n".join(texts.values()).replace(".", " ").split())
    assert "@example" not in "\n".join(texts.values())


def test_only_the_empty_review_cannot_be_read(pulled: list[Record | UnreadableRecord]) -> None:
    """It goes to quarantine before anyone is asked; all others are records."""
    assert [row.error_type for row in pulled if isinstance(row, UnreadableRecord)] == ["empty_text"]


def test_every_sample_with_a_text_has_a_label(texts: dict[str, str], labels: dict[str, dict[str, Any]]) -> None:
    """No more, no fewer, in the order of the sample."""
    assert list(labels) == list(texts)


def test_labels_are_answers_that_the_schema_allows(texts: dict[str, str], labels: dict[str, dict[str, Any]]) -> None:
    """Read back through the model's own way, a label comes out as it is stored, its quotes word for word."""
    for record_id, answer in labels.items():
        sentences = split_sentences(texts[record_id])
        feedback = [{**item, "quote": sentences.index(item["quote"]) + 1} for item in answer["feedback"]]
        content = json.dumps({**answer, "feedback": feedback})
        assert parse_answer(Answer, content, sentences) == answer


def test_labels_keep_the_rules_of_the_descriptions(labels: dict[str, dict[str, Any]]) -> None:
    """What the schema cannot say: free labels only for `other`, and `general` only where nothing else is."""
    for record_id, answer in labels.items():
        topics = [item["topic"] for item in answer["feedback"]]
        assert "general" not in topics or len(topics) == 1, record_id
        for item in answer["feedback"]:
            assert (item["topic"] == "other") == bool(item["topic_other"]), record_id
            assert item["kind"] not in ("praise", "feature_request") or item["severity"] == "low", record_id


def test_labels_use_every_sentiment_and_kind(labels: dict[str, dict[str, Any]]) -> None:
    """A score over labels that leave a value out would say nothing about it."""
    assert {answer["sentiment"] for answer in labels.values()} == {"positive", "neutral", "negative", "mixed"}
    kinds = {item["kind"] for answer in labels.values() for item in answer["feedback"]}
    assert kinds == {"bug", "feature_request", "complaint", "praise", "question"}


def test_the_same_text_has_the_same_label(texts: dict[str, str], labels: dict[str, dict[str, Any]]) -> None:
    """The bundled duplicate is paid for once, so its two answers must be one."""
    by_text: dict[str, list[dict[str, Any]]] = {}
    for record_id, text in texts.items():
        by_text.setdefault(text, []).append(labels[record_id])
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
        assert len(prompt.examples) in (2, 3)
        assert all(name in prompt.system for name in (*Answer.model_fields, *FeedbackItem.model_fields))
        assert not {text for text, *_ in prompt.examples} & {row["text"] for row in samples}


def test_great_expectations_accepts_good_rows(pipeline: Pipeline) -> None:
    """Every expectation runs on pandas without an exception and passes."""
    wish = {**GOOD_ITEM, "kind": "feature_request", "topic": "other", "topic_other": "accessibility"}
    rows = [GOOD_RECORD, {**GOOD_RECORD, "sentiment": "mixed", "feedback": [GOOD_ITEM, wish]}]
    assert judge(pipeline, table(pipeline, rows)).failed == []


def test_each_bad_value_fails_its_record_for_one_reason(pipeline: Pipeline) -> None:
    """Exactly one expectation fails; a bad item fails the record that it belongs to."""
    bad_rows = [("text", ""), ("sentiment", "angry"), ("language", "EN"), ("feedback", [GOOD_ITEM] * 9)]
    bad_items = [
        ("kind", "rant"),
        ("topic", "weather"),
        ("severity", "critical"),
        ("summary", ""),
        ("summary", "x" * 121),
        ("quote", None),
        ("quote", "Nobody said this."),
    ]
    rows = [GOOD_RECORD, *({**GOOD_RECORD, "feedback": [], column: value} for column, value in bad_rows)]
    rows += [{**GOOD_RECORD, "feedback": [GOOD_ITEM, {**GOOD_ITEM, field: value}]} for field, value in bad_items]
    failing = judge(pipeline, table(pipeline, rows)).failing_records
    assert sorted(map(int, failing)) == list(range(1, len(rows)))
    labels = [*(column for column, _ in bad_rows), *(f"feedback.{field}" for field, _ in bad_items)]
    for number, label in enumerate(labels, 1):
        (sentence,) = failing[str(number)]
        assert sentence.startswith(f"{label} must ")


@pytest.mark.parametrize(("topic", "label"), [("crashes", "startup"), ("other", "")])
def test_a_free_label_at_the_wrong_place_is_a_warning(topic: str, label: str, pipeline: Pipeline) -> None:
    """The point stays readable; somebody should look at the prompt."""
    odd = {**GOOD_RECORD, "feedback": [{**GOOD_ITEM, "topic": topic, "topic_other": label}]}
    result = judge(pipeline, table(pipeline, [GOOD_RECORD, odd]))
    assert result.success
    assert ("feedback.topic_other", "warning") in result.failed


def test_which_labels_must_differ_in_a_night() -> None:
    assert FIELDS_THAT_VARY == ("sentiment", "feedback.kind", "feedback.topic")


def _json_lines(path: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in path.read_bytes().decode("utf-8", "strict").split("\n") if line]
    assert all(isinstance(row, dict) for row in rows)
    return rows
