"""What is left of a hostile text, and what must stay as it is."""

import json

import pytest

from include.text.clean import clean_text, is_blank
from tests.linear_time import in_linear_time


def test_a_lone_surrogate_becomes_a_replacement_character() -> None:
    assert clean_text("half \ud83d an emoji") == "half \ufffd an emoji"


def test_a_whole_emoji_of_two_surrogates_in_json_stays_an_emoji() -> None:
    assert clean_text(json.loads(r'"\ud83d\ude00"')) == "😀"


@pytest.mark.parametrize("character", ["\x00", "\x07", "\x1b", "\x7f", "\x81", "\x9f", "\ufffe", "\uffff"])
def test_control_characters_and_noncharacters_are_dropped(character: str) -> None:
    assert clean_text(f"a{character}b") == "ab"


@pytest.mark.parametrize("line_end", ["\r\n", "\r", "\x85"])
def test_every_line_end_becomes_a_line_feed(line_end: str) -> None:
    assert clean_text(f"one{line_end}two") == "one\ntwo"


@pytest.mark.parametrize(
    "text",
    [
        "a\tb\nc",
        "👩‍👩‍👧 🏴󠁧󠁢󠁥󠁮󠁧󠁿",
        "שלום \u202bword\u202c",
        "line\u2028separator",
        "e\u0301 stays decomposed",
        "ﷺ",
        "\ue000 old emoji",
    ],
)
def test_what_a_customer_may_have_meant_stays(text: str) -> None:
    assert clean_text(text) == text


def test_cleaned_text_can_always_be_encoded() -> None:
    clean_text("".join(map(chr, range(0x11000)))).encode("utf-8")


def test_cleaning_twice_changes_nothing() -> None:
    once = clean_text(" \x00 \ud800\r\x85 x \x1f ")
    assert clean_text(once) == once


def test_a_long_run_of_combining_marks_costs_no_time() -> None:
    with in_linear_time():
        clean_text("a" + "\u0301\u0323" * 250_000)


@pytest.mark.parametrize(
    "text", ["", " \n\t", "\u200b\u200d", "\ufeff", "\u00a0\u3000", "\u2800", "\u3164", "\ufe0f", "\u0301"]
)
def test_what_nobody_can_see_is_blank(text: str) -> None:
    assert is_blank(text)


@pytest.mark.parametrize("text", ["👍", "?", "।", "\ue415", "0", "\u200bx"])
def test_a_single_sign_is_not_blank(text: str) -> None:
    assert not is_blank(text)
