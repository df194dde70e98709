"""JSON that models wrap: a code fence, words around it, thoughts before it, a string that holds it.

Nothing is repaired and nothing is guessed: there is exactly one object, or there is none.
"""

import json
import re
from dataclasses import dataclass

import orjson

# How servers that do not take them out mark thoughts. The mark at the beginning may be missing, for the chat template
# has put it into the prompt. <|channel|> is gpt-oss's (github.com/openai/harmony), which may come without its brackets;
# <|channel> Gemma's, [THINK] Mistral's.
_THOUGHT_BEGINS = re.compile(
    r"<(?:\w{1,20}:)?think(?:ing)?>|<thought>|\[THINK\]|<\|channel\|>(?!\s*final)|<\|channel>|\Aanalysis"
)
_THOUGHT_ENDS = re.compile(
    r"</(?:\w{1,20}:)?think(?:ing)?>|</thought>|\[/THINK\]|<\|channel\|>\s*final|<channel\|>|assistantfinal"
)
_OBJECT_BEGINS = re.compile(r'\{\s*"')
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """JSON of one object, not validated.

    Args:
        json: a slice of what was said, or the string that it was.
        stood: where, for people, such as `in a code fence`.
    """

    json: str
    stood: str


def unwrap(content: str) -> Unwrapped | None:
    """The one JSON object in what a model has said, in linear time.

    What stands in a thought is no answer, also when nothing comes after it.

    Args:
        content: the assistant's message; has been refused as an answer.

    Returns:
        None when it is JSON already, or when there is no object or more than one.
    """
    try:
        value = orjson.loads(content)
    except ValueError:
        pass
    else:
        return Unwrapped(value, "in a JSON string") if isinstance(value, str) and is_like_object(value) else None
    said = _without_thoughts(content)
    found = _only_object(said)
    if found is None or found == content.strip():
        return None
    if "```" in said:
        return Unwrapped(found, "in a code fence")
    return Unwrapped(found, "among other words" if said == content else "behind a thought")


def one_level_down(content: str) -> str | None:
    """The one object within an object or a list, as small models put their answer under `answer` or `properties`, or
    write the call of a tool as text.

    Args:
        content: JSON that has been refused as an answer.

    Returns:
        None when there is none, or more than one, or no end to its brackets.
    """
    try:
        outer = orjson.loads(content)
    except ValueError:
        return None
    inner = list(outer.values()) if isinstance(outer, dict) else outer if isinstance(outer, list) else []
    inner = [value[0] if isinstance(value, list) and len(value) == 1 else value for value in inner]
    found = [value for value in inner if isinstance(value, dict) or (isinstance(value, str) and is_like_object(value))]
    if len(found) != 1:
        return None
    try:
        return found[0] if isinstance(found[0], str) else orjson.dumps(found[0]).decode()
    except TypeError:
        # Brackets that go deeper than the library writes.
        return None


def is_like_object(text: str) -> bool:
    """Whether all of it may be the JSON of an object."""
    text = text.strip()
    return text.startswith("{") and text.endswith("}")


def _without_thoughts(content: str) -> str:
    ends = [match.end() for match in _THOUGHT_ENDS.finditer(content)]
    said = content[ends[-1] :] if ends else content
    begins = _THOUGHT_BEGINS.search(said)
    return said[: begins.start()] if begins else said


def _only_object(text: str) -> str | None:
    begins = _OBJECT_BEGINS.search(text)
    if begins is None:
        return None
    try:
        _, end = _DECODER.raw_decode(text, begins.start())
    except (ValueError, RecursionError):
        # What looks like an object and is none may be the answer, so another one after it is not taken for it.
        return None
    return None if _OBJECT_BEGINS.search(text, end) else text[begins.start() : end]
