"""Answers are strict, and quotes are verbatim."""

from typing import Literal

import pytest
from pydantic import Field

from include.answer.structured_output import (
    MAX_SENTENCE_CHARACTERS,
    QuotedSentence,
    StrictAnswer,
    fold,
    json_schema,
    parse_answer,
    quote_paths,
    split_sentences,
)
from include.errors import Quarantine


class Item(StrictAnswer):
    """An item with a quote."""

    kind: Literal["bug", "praise"]
    quote: QuotedSentence


class Answer(StrictAnswer):
    """An answer with quotes at both levels."""

    label: str = Field(max_length=10)
    items: list[Item]
    worst: QuotedSentence | None


TEXT = 'It said "wow!" Then it crashed... 日本語です。次。\nVersion 3.5 is bad'


def test_sentences_are_slices_of_the_text_in_order() -> None:
    sentences = split_sentences(TEXT)
    assert sentences == ['It said "wow!"', "Then it crashed...", "日本語です。", "次。", "Version 3.5 is bad"]
    assert all(sentence in TEXT for sentence in sentences)


def test_a_long_stretch_without_punctuation_is_cut_at_a_space() -> None:
    sentences = split_sentences("word " * 200)
    assert max(map(len, sentences)) <= MAX_SENTENCE_CHARACTERS
    assert " ".join(sentences) == ("word " * 200).strip()


def test_quotes_are_found_at_both_levels() -> None:
    assert quote_paths(Answer) == [("items", "quote"), ("worst",)]


def test_a_sentence_number_becomes_the_sentence() -> None:
    content = '{"label": "x", "items": [{"kind": "bug", "quote": 2}], "worst": 2}'
    answer = parse_answer(Answer, content, split_sentences(TEXT))
    assert answer["items"] == [{"kind": "bug", "quote": "Then it crashed..."}]
    assert answer["worst"] == "Then it crashed..."


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"label": "x", "items": [], "worst": 9}', "quote_out_of_range"),
        ('{"label": "x", "items": [{"kind": "bug", "quote": "1"}], "worst": null}', "schema_violation"),
        ('{"label": "x", "items": [], "worst": null, "more": 1}', "schema_violation"),
        ('{"label": "x", "items": []}', "schema_violation"),
        ('{"label": "xxxxxxxxxxx", "items": [], "worst": null}', "schema_violation"),
        ('```json\n{"label": "x", "items": [], "worst": null}\n```', "not_json"),
        ('{"label": "x", "items": [], "worst": null', "not_json"),
        ('{"label": "\\ud800", "items": [], "worst": null}', "not_json"),
        ("[" * 100_000, "not_json"),
    ],
)
def test_what_does_not_fit_is_quarantined_under_its_name(content: str, reason: str) -> None:
    with pytest.raises(Quarantine) as problem:
        parse_answer(Answer, content, ["One."])
    assert problem.value.error_type == reason
    assert problem.value.raw_output == content


def test_control_and_bidirectional_characters_do_not_reach_the_lake() -> None:
    content = '{"label": "a\\u0000b\\u202ec\\u001bd", "items": [], "worst": null}'
    assert parse_answer(Answer, content, [])["label"] == "abcd"


def test_the_schema_is_strict_and_keeps_lengths_only_where_they_are_known() -> None:
    schema = json_schema(Answer, length_keywords=True)
    assert schema["required"] == ["label", "items", "worst"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["label"]["maxLength"] == 10
    assert "maxLength" not in json_schema(Answer, length_keywords=False)["properties"]["label"]


def test_a_quote_from_a_text_with_direction_marks_is_found_in_it() -> None:
    text = "Good \u202eapp. Really."
    content = '{"label": "x", "items": [], "worst": 1}'
    quote = parse_answer(Answer, content, split_sentences(text))["worst"]
    assert quote == "Good app."
    assert fold(quote) in fold(text)


def test_quotes_compare_without_regard_to_curly_marks_and_white_space() -> None:
    assert fold("It’s  “fine”\u00a0") == fold('it\'s "fine"')
