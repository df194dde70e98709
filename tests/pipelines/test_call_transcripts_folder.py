"""The folder `include/pipelines/call_transcripts/`: what it bundles fits together."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from include.answer.structured_output import parse_answer, quote_paths
from include.llm.chain import split_chunks
from include.llm.prompt import Prompt, load_prompt
from include.llm.token_count import estimate_tokens
from include.pipelines.call_transcripts.expectations import FIELDS_THAT_VARY
from include.pipelines.call_transcripts.output import ActionItem, Answer, ChunkNotes
from include.pipelines.definition import Pipeline
from include.pipelines.registry import load_pipeline
from include.sources.record import Record, UnreadableRecord
from tests.quality.judging import judge, table
from tests.sources.reading import read_files

NAME = "call_transcripts"
SILENT_CALL = "LB-7010"
# Every record pays for the constant messages. The bundled model's own count is up to an eighth above the estimate,
# so this keeps them below 500 of its tokens.
MAX_CONSTANT_TOKENS = 440
GOOD_ITEM = {"owner": "company", "action": "Send a new kettle today"}
GOOD_ROW = {
    "text": "My kettle does not heat.",
    "summary": "The kettle stopped heating. A new one is sent.",
    "reason": "The kettle does not heat.",
    "reason_category": "technical_problem",
    "outcome": "follow_up",
    "customer_sentiment_start": "negative",
    "customer_sentiment_end": "neutral",
    "action_items": [GOOD_ITEM],
    "language": "en",
}


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    """The pipeline as the registry loads it."""
    return load_pipeline(NAME)


@pytest.fixture(scope="module")
def samples(pipeline: Pipeline) -> list[dict[str, Any]]:
    """The bundled calls."""
    return _json_lines(pipeline.folder / "samples" / "calls.jsonl")


@pytest.fixture(scope="module")
def records(pipeline: Pipeline) -> list[Record | UnreadableRecord]:
    """The bundled calls as a run reads them."""
    pulled_at = datetime(2026, 11, 20, tzinfo=UTC)
    rows = read_files(pipeline.sample_glob, source=NAME, attributes=pipeline.attributes, pulled_at=pulled_at)
    return list(rows)


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
        report_fields.actions,
    )
    assert set(named) <= set(Answer.model_fields)


@pytest.mark.parametrize("model", [Answer, ActionItem, ChunkNotes])
def test_every_field_is_described(model: type[BaseModel]) -> None:
    """A model that takes schemas reads the descriptions: they are half of the prompt."""
    assert [name for name, info in model.model_fields.items() if not info.description] == []


def test_nothing_is_quoted() -> None:
    """The last step of a long call sees notes, so a sentence number would point at the wrong text."""
    assert quote_paths(Answer) == quote_paths(ChunkNotes) == []


def test_samples_are_calls_with_known_attributes(pipeline: Pipeline, samples: list[dict[str, Any]]) -> None:
    """Each has an id of its own, turns of the two sides, a time in UTC and the typed attributes."""
    ids = [row["id"] for row in samples]
    assert len(samples) == 20
    assert len(set(ids)) == len(ids)
    for row in samples:
        assert set(row) == {"id", "turns", "created_at", *pipeline.attributes}
        assert row["created_at"].endswith("Z")
        assert datetime.fromisoformat("2026-09-20T00:00:00Z") <= datetime.fromisoformat(row["created_at"])
        assert datetime.fromisoformat(row["created_at"]) < datetime.fromisoformat("2026-11-20T00:00:00Z")
        for turn in row["turns"]:
            assert set(turn) == {"role", "text"}
            assert turn["role"] in ("agent", "customer")
            assert turn["text"].strip() and "\n" not in turn["text"]
        for name, kind in pipeline.attributes.items():
            assert isinstance(row[name], kind)


def test_every_turn_becomes_one_line(samples: list[dict[str, Any]], records: list[Record | UnreadableRecord]) -> None:
    """`role: text`, which is how the prompts' examples show a call."""
    texts = {record.record_id: record.text for record in records if isinstance(record, Record)}
    for row in samples:
        if row["turns"]:
            roles = [line.split(": ", 1)[0] for line in texts[row["id"]].split("\n")]
            assert roles == [turn["role"] for turn in row["turns"]]


def test_the_call_without_turns_cannot_be_read(records: list[Record | UnreadableRecord]) -> None:
    """It is quarantined before anyone is asked; all other calls are read."""
    unreadable = [(row.record_id, row.error_type) for row in records if isinstance(row, UnreadableRecord)]
    assert unreadable == [(SILENT_CALL, "empty_text")]


def test_dictated_card_mail_and_phone_do_not_stay(records: list[Record | UnreadableRecord]) -> None:
    """The sample with personal data shows that redaction runs on transcripts too."""
    text = next(row.text for row in records if isinstance(row, Record) and row.record_id == "LB-7011")
    assert "4111" not in text and "example.com" not in text and "7946" not in text
    assert "<CARD_1>" in text and "<EMAIL_1>" in text and "<PHONE_1>" in text


def test_three_calls_take_two_steps(pipeline: Pipeline, records: list[Record | UnreadableRecord]) -> None:
    """Longer than a chunk, but not so long that they are quarantined; cut only between turns."""
    assert pipeline.chunking is not None
    limit = pipeline.chunking.chunk_characters
    texts = [record.text for record in records if isinstance(record, Record)]
    long_texts = [text for text in texts if len(text) > limit]
    assert len(long_texts) == 3
    for text in long_texts:
        chunks = split_chunks(text, limit)
        assert len(chunks) == 2
        assert "\n".join(chunks) == text
    assert max(len(text) for text in texts) <= pipeline.max_text_characters


def test_every_sample_with_turns_has_a_label(samples: list[dict[str, Any]], labels: dict[str, dict[str, Any]]) -> None:
    """Only the call without turns has none."""
    assert list(labels) == [row["id"] for row in samples if row["turns"]]
    assert len(labels) == len(samples) - 1


def test_labels_are_answers_that_the_schema_allows(labels: dict[str, dict[str, Any]]) -> None:
    """Read back through the model's own way, a label comes out as it is stored."""
    for answer in labels.values():
        assert parse_answer(Answer, json.dumps(answer), []) == answer


def test_a_label_has_actions_exactly_when_something_is_left_to_do(labels: dict[str, dict[str, Any]]) -> None:
    """That is what tells `resolved` from `follow_up`; the golden test would else punish a right answer."""
    for record_id, answer in labels.items():
        if answer["outcome"] in ("resolved", "follow_up"):
            assert (answer["outcome"] == "follow_up") == bool(answer["action_items"]), record_id


def test_the_dictated_injection_does_not_decide_its_label(labels: dict[str, dict[str, Any]]) -> None:
    """The caller dictates an outcome, a sentiment and a refund; the label has none of them."""
    answer = labels["LB-7008"]
    assert answer["outcome"] != "resolved"
    assert answer["customer_sentiment_end"] != "positive"
    assert not [item for item in answer["action_items"] if "refund" in item["action"]]


@pytest.mark.parametrize("step", [None, "notes"])
def test_the_prompts_load_and_the_examples_are_not_samples(
    pipeline: Pipeline, records: list[Record | UnreadableRecord], step: str | None
) -> None:
    """An example out of the samples would let the golden test mark its own homework."""
    assert pipeline.prompt_versions() == ["v1", "v2"]
    answer = ChunkNotes if step else Answer
    prompts = [load_prompt(pipeline.folder, version, answer, step) for version in pipeline.prompt_versions()]
    assert len({prompt.hash for prompt in prompts}) == len(prompts)
    for prompt in prompts:
        assert not prompt.numbered
        assert all(name in prompt.system for name in answer.model_fields)
        assert not {text for text, *_ in prompt.examples} & {row.text for row in records if isinstance(row, Record)}
        assert _constant_tokens(prompt) < MAX_CONSTANT_TOKENS


def test_one_example_of_each_prompt_has_notes_as_its_input(pipeline: Pipeline) -> None:
    """The answer to a long call is made of notes, so the model has to have seen some."""
    for version in pipeline.prompt_versions():
        inputs = [text for text, *_ in load_prompt(pipeline.folder, version, Answer).examples]
        assert [text.startswith("Part 1:\n- ") for text in inputs] == [False, True]


def test_great_expectations_accepts_good_rows(pipeline: Pipeline) -> None:
    """Every expectation runs on pandas without an exception and passes, also when no call left anything to do."""
    done = {**GOOD_ROW, "outcome": "resolved", "action_items": []}
    items = [GOOD_ITEM, {**GOOD_ITEM, "owner": "customer"}]
    rows = [GOOD_ROW, {**GOOD_ROW, "action_items": items}, done]
    assert judge(pipeline, table(pipeline, rows)).failed == [("reason_category", "warning")]
    assert judge(pipeline, table(pipeline, [done, done])).success


def test_each_bad_value_fails_its_record_for_one_reason(pipeline: Pipeline) -> None:
    """Exactly one expectation fails, and it is about that column."""
    bad_rows = [
        ("reason_category", "internet"),
        ("outcome", "done"),
        ("customer_sentiment_start", "angry"),
        ("customer_sentiment_end", "angry"),
        ("language", "EN"),
        ("summary", ""),
        ("summary", "x" * 301),
        ("reason", ""),
        ("reason", "x" * 161),
        ("action_items", [GOOD_ITEM] * 6),
    ]
    bad_items = [("owner", "engineer"), ("action", ""), ("action", "x" * 121)]
    rows = [GOOD_ROW, *({**GOOD_ROW, column: value} for column, value in bad_rows)]
    rows += [{**GOOD_ROW, "action_items": [GOOD_ITEM, {**GOOD_ITEM, field: value}]} for field, value in bad_items]
    failing = judge(pipeline, table(pipeline, rows)).failing_records
    assert sorted(map(int, failing)) == list(range(1, len(rows)))
    labels = [*(column for column, _ in bad_rows), *(f"action_items.{field}" for field, _ in bad_items)]
    for number, label in enumerate(labels, 1):
        (sentence,) = failing[str(number)]
        assert sentence.startswith(f"{label} must ")


def test_a_call_to_follow_up_without_an_action_is_a_warning(pipeline: Pipeline) -> None:
    rows = [GOOD_ROW, {**GOOD_ROW, "action_items": []}, {**GOOD_ROW, "outcome": "escalated", "action_items": []}]
    result = judge(pipeline, table(pipeline, rows))
    assert result.success
    assert result.failed == [("action_items", "warning"), ("reason_category", "warning")]


def test_which_labels_must_differ_in_a_night() -> None:
    assert FIELDS_THAT_VARY == ("reason_category", "outcome")


def _json_lines(path: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in path.read_bytes().decode("utf-8", "strict").split("\n") if line]
    assert all(isinstance(row, dict) for row in rows)
    return rows


def _constant_tokens(prompt: Prompt) -> int:
    return sum(estimate_tokens(message["content"]) for message in prompt.constant_messages())
