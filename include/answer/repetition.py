"""Answers in which a model is stuck: it goes on with white space, or says the same again, until it is cut."""

import re

# At the end of an answer; pretty-printed JSON has less.
MOST_WHITE_SPACE = 100
# The same piece at the end of a text, so often and so long together, is no answer's own: lists have a few like items.
MOST_TIMES, MOST_CHARACTERS = 8, 200
# What is looked at, so a piece is found up to an eighth of it.
_TAIL = 4_000
# Compared first, because most pieces differ in it.
_GLANCE = 16
_NUMBER = re.compile(r"\d+")


def repetition(content: str) -> str | None:
    """What a text goes on with to its end, in words for people; None: it does not repeat itself.

    Decoding by a grammar allows white space for ever (github.com/vllm-project/vllm/issues/38696); a model without a
    penalty repeats a word, a line or an item of a list, which may be numbered.
    """
    if len(content) - len(content.rstrip()) > MOST_WHITE_SPACE:
        return "white space"
    tail = _NUMBER.sub("0", content[-_TAIL:])
    last = tail[-_GLANCE:]
    for period in range(1, len(tail) // MOST_TIMES + 1):
        if tail.startswith(last, len(tail) - period - _GLANCE):
            end = tail[-max(period * MOST_TIMES, MOST_CHARACTERS) :]
            if len(end) >= MOST_CHARACTERS and end[period:] == end[:-period]:
                return "the same words"
    return None
