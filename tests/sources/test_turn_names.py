"""Turns under the names that people give them, in files of rows."""

import logging
from pathlib import Path
from typing import Any

import pytest

from include.sources.record import Record, UnreadableRecord
from include.sources.turn_names import as_turns, turn_parts
from tests.sources.reading import read_lines, read_unreadable

SAID = "agent: Hello\ncustomer: My lamp is broken"


def record(folder: Path, **row: Any) -> Record:
    (only,) = read_lines(folder, {"id": "1", **row})
    assert isinstance(only, Record), only
    return only


@pytest.mark.parametrize(
    "speaker", ["role", "speaker", "Author", "sender", "participant", "from", "name", "USER", "speaker_id"]
)
@pytest.mark.parametrize("words", ["text", "message", "Content", "body", "utterance", "transcript", "sentence"])
def test_usual_names_of_who_speaks_and_what_is_said_are_read(speaker: str, words: str) -> None:
    (turn,) = as_turns([{speaker: "agent", words: "Hello", "1": 1, "_": 2}])
    assert turn_parts(turn) == ("agent", "Hello")


@pytest.mark.parametrize(
    "turns",
    [
        [{"role": "agent", "content": "Hello"}, {"role": "customer", "text": "My lamp is broken"}],
        ["agent: Hello", "customer: My lamp is broken"],
        '[{"speaker": "agent", "text": "Hello"}, {"speaker": "customer", "message": "My lamp is broken"}]',
        "[{'role': 'agent', 'text': 'Hello'}, {'role': 'customer', 'text': 'My lamp is broken'}]",
        [
            {"role": "agent", "content": [{"type": "text", "text": "Hello"}, {"type": "image_url", "image_url": {}}]},
            {"role": "customer", "content": ["My lamp is", "broken"]},
        ],
        [{"author": {"name": "agent"}, "body": "Hello"}, {"author": {"role": "customer"}, "body": "My lamp is broken"}],
    ],
)
@pytest.mark.parametrize(
    "column", ["turns", "Turns", "messages", "utterances", "Conversation", "dialogue", "transcript"]
)
def test_all_of_them_are_the_same_text(tmp_path: Path, column: str, turns: Any) -> None:
    made = record(tmp_path, **{column: turns})
    assert made.text == SAID
    assert not made.attributes


def test_a_text_of_several_lines_is_a_list_too(tmp_path: Path) -> None:
    assert record(tmp_path, text=["My lamp is broken", "since Friday"]).text == "My lamp is broken\nsince Friday"


def test_a_text_beside_other_messages_stays_the_text(tmp_path: Path) -> None:
    made = record(tmp_path, text="My lamp is broken", messages=[{"role": "agent", "text": "Hello"}])
    assert made.text == "My lamp is broken" and "messages" in made.attributes


@pytest.mark.parametrize("turns", [12, "12", "in a file", {"a": 1}, "[not a list", "[" * 5_000])
def test_what_is_no_list_of_turns_leaves_the_text_as_it_is(tmp_path: Path, turns: Any) -> None:
    assert record(tmp_path, text="My lamp is broken", turns=turns).text == "My lamp is broken"


@pytest.mark.parametrize(
    "turn",
    [
        {"role": "customer", "said": "Hello"},
        {"role": "customer", "text": 5},
        {"role": "customer", "text": {"en": "Hello"}},
        {"role": 1.5, "text": "Hello"},
        {"role": ["customer"], "text": "Hello"},
        {"role": "customer", "content": [{"text": 5}]},
        {},
        5,
        ["Hello"],
        None,
    ],
)
def test_a_turn_of_another_shape_is_never_left_out_in_silence(tmp_path: Path, turn: Any) -> None:
    row = {"id": "1", "turns": [{"role": "agent", "text": "Qvarnholt"}, turn]}
    unreadable = read_unreadable(tmp_path, row)
    assert isinstance(unreadable, UnreadableRecord) and unreadable.error_type == "unreadable"
    assert "turn 2" in unreadable.error_message and "Qvarnholt" not in unreadable.error_message


def test_a_turn_without_words_is_none(tmp_path: Path) -> None:
    turns = [
        {"role": "agent", "text": ""},
        {"role": "agent", "text": None},
        {"role": "customer", "text": "Hello there"},
    ]
    assert record(tmp_path, turns=turns).text == "customer: Hello there"


def test_a_record_whose_turns_could_be_read_before_is_the_same_version(tmp_path: Path) -> None:
    """Else all of a lake would be asked again, and paid again, for a name that stands before a line."""
    with_speaker = record(tmp_path, turns=[{"speaker": "agent", "text": "Hello"}])
    assert with_speaker.text == "agent: Hello"
    assert with_speaker.record_version == record(tmp_path, turns=[{"text": "Hello"}]).record_version


def test_names_of_turns_that_say_nobody_are_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    turns = [{"is_guest": True, "text": "Hello"}, {"is_guest": False, "text": "It broke"}]
    assert record(tmp_path, turns=turns).text == "Hello\nIt broke"
    assert "do not say who speaks by a known name. They have others, which are left out: is_guest" in caplog.text
