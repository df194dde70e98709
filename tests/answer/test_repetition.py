"""A model that is stuck is recognised by how its answer ends."""

import json

import pytest

from include.answer.repetition import MOST_CHARACTERS, MOST_WHITE_SPACE, repetition
from tests.linear_time import LONG_TEXT, in_linear_time

BEGINNING = '{"mood": "good", "why": "'


@pytest.mark.parametrize("space", [" ", "\n", "\t", "\n  ", "\r\n", "\u3000"])
def test_white_space_without_end(space: str) -> None:
    assert repetition(BEGINNING + space * (MOST_WHITE_SPACE + 1)) == "white space"
    assert repetition(BEGINNING + space * 3) is None


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "ha ",
        "\\n",
        "The box was broken. ",
        "Das Paket war kaputt, und niemand hat geantwortet; ",
        '{"topic": "delivery", "quote": 3}, ',
        "- The box was broken, and nobody has ever answered any of the letters that we have written about it since.\n",
        "x" * 150 + "y" * 150,
    ],
)
@pytest.mark.parametrize("cut", [0, 1, 7])
def test_the_same_piece_without_end_wherever_it_is_cut(piece: str, cut: int) -> None:
    said = BEGINNING + piece * (9 + MOST_CHARACTERS // len(piece))
    assert repetition(said[: len(said) - min(cut, len(piece) - 1)]) == "the same words"


@pytest.mark.parametrize("item", ["{}. The box was broken.\n", '{{"topic": "delivery", "quote": {}}}, '])
def test_items_that_are_numbered(item: str) -> None:
    assert repetition("".join(item.format(number) for number in range(1, 120))) == "the same words"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "a" * (MOST_CHARACTERS - 1),
        '{"topics": ["a", "a", "a", "a", "a", "a", "a", "a", "a"]}',
        json.dumps(
            [{"topic": topic, "quote": 1} for topic in ("delivery", "price", "app") for _ in range(6)], indent=4
        ),
        "The box was broken. " * 60 + "It has come back since, and all is well with it.",
        " \n" * 900 + BEGINNING,
        " ".join(f"Text number {number} is about {name}." for number, name in enumerate("abcdefghijklmnopqrstuvw")),
    ],
)
def test_what_ends_otherwise_is_no_repetition(content: str) -> None:
    assert repetition(content) is None


def test_a_long_answer_is_searched_in_linear_time() -> None:
    with in_linear_time():
        for content in ("ab" * LONG_TEXT + "b", " " * 40 * LONG_TEXT + ".", "a" * 1_999 + "b"):
            assert repetition(content) is None
