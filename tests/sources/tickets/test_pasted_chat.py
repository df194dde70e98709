"""A chat that a help desk has pasted into one comment."""

import pytest

from include.sources.tickets.pasted_chat import pasted_chat
from include.sources.transcript import Turn
from tests.linear_time import in_linear_time

CHAT = (
    "Conversation with Ida\n\n(10:01:22) Ida Holm: Hi, my lamp flickers\nsince Friday\n"
    "(10:01:40 AM) Marta: Which model?\n"
    "(10:02:30) *** Marta left the chat ***"
)


def test_each_line_is_of_who_says_it() -> None:
    assert pasted_chat(CHAT) == [
        Turn(None, "Conversation with Ida"),
        Turn("Ida Holm", "Hi, my lamp flickers\nsince Friday"),
        Turn("Marta", "Which model?"),
        Turn("system", "*** Marta left the chat ***"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "My lamp flickers",
        "My order:\n\nERROR 1: x\nERROR 2: y\n\n1. first\n2. second",
        "(10:01) Ida: only one line",
        "We open at (10:01) today: come\nand close (18:00) later: go",
        "(10:01:22) *** Ida joined ***\n(10:02:30) *** Ida left ***",
    ],
)
def test_other_comments_stay_as_they_are(text: str) -> None:
    assert pasted_chat(text) == []


def test_a_comment_that_is_made_to_be_slow_is_read_in_linear_time() -> None:
    with in_linear_time():
        pasted_chat("(10:01:22) " + "a " * 200_000 + "\n" + "(10:01) a" * 50_000)
