"""Short strings: words, dates, or what a simple pattern allows."""

import re
import string
from collections.abc import Callable, Mapping
from typing import Any

from tests.fault_server.choices import Choices

_WORDS = [
    *("late", "order", "refund", "app", "login", "photo", "price", "staff", "call", "ticket", "phone", "card", "slow"),
    *("kind", "clear", "calm", "new", "old", "first", "last", "screen", "button", "update", "crash", "error", "answer"),
    *("agent", "line", "help", "page", "list", "note", "plan", "bill", "box", "door", "bag", "seat", "map", "menu"),
    *("search", "sound", "text", "link", "code", "week", "day", "night", "hour", "home", "work", "road", "room", "key"),
]
_ANY = string.ascii_lowercase + string.digits
_SHORTHANDS = {"d": string.digits, "w": string.ascii_letters + string.digits + "_", "s": " "}
# One piece of a pattern: a set, an escape, a dot or a plain character, and how often.
_PIECE = re.compile(r"(\[\^?\]?[^\]]*\]|\\.|[^\\\[\](){}|^$*+?])(\{\d+(?:,\d*)?\}|[*+?])?")
_MOST_REPEATS = 4


class UnsupportedSchema(ValueError):
    """The schema uses something that this server cannot satisfy; the message says what."""


def string_maker(schema: Mapping[str, Any]) -> Callable[[Choices], str]:
    """What makes strings for a schema of type string.

    Raises:
        UnsupportedSchema: its `pattern` is more than a row of sets with repeats, or its `format` is unknown.
    """
    if "pattern" in schema:
        return _pattern_maker(schema["pattern"])
    if "format" in schema:
        return _format_maker(schema["format"])
    if "ISO 639-1" in schema.get("description", ""):
        # A model reads what the pattern says, too.
        return _pattern_maker("^[a-z]{2}$")
    shortest, longest = schema.get("minLength", 0), schema.get("maxLength")
    return lambda choices: words(choices, shortest, longest)


def words(choices: Choices, shortest: int = 0, longest: int | None = None) -> str:
    """A few short words of so many characters in all."""
    made = " ".join([choices.one_of(_WORDS) for _ in range(choices.between(2, 3))])
    while len(made) < shortest:
        made += " " + choices.one_of(_WORDS)
    if longest is not None and len(made) > longest:
        # A space at the end may be stripped away by the reader, and the string too short then.
        made = made[:longest]
        if made.endswith(" "):
            made = made[:-1] + "s"
    return made


def _format_maker(name: str) -> Callable[[Choices], str]:
    formats = {"date": "", "date-time": "T12:00:00Z"}
    if name not in formats:
        raise UnsupportedSchema(f"the schema has a string of format {name!r}")
    return lambda choices: f"2026-{choices.between(1, 12):02}-{choices.between(1, 28):02}{formats[name]}"


def _pattern_maker(pattern: str) -> Callable[[Choices], str]:
    pieces: list[tuple[str, int, int]] = []
    rest = pattern.removeprefix("^").removesuffix("$")
    position = 0
    while position < len(rest):
        piece = _PIECE.match(rest, position)
        if piece is None:
            raise UnsupportedSchema(f"the schema has the pattern {pattern!r}")
        pieces.append((_allowed(piece[1]), *_repeats(piece[2])))
        position = piece.end()

    def make(choices: Choices) -> str:
        return "".join(
            choices.one_of(allowed) for allowed, fewest, most in pieces for _ in range(choices.between(fewest, most))
        )

    if not re.search(pattern, make(Choices(pattern))):
        raise UnsupportedSchema(f"the schema has the pattern {pattern!r}")
    return make


def _allowed(piece: str) -> str:
    if piece == ".":
        return _ANY
    if piece.startswith("\\"):
        return _SHORTHANDS.get(piece[1], piece[1])
    if piece.startswith("["):
        fits = re.compile(piece).match
        return "".join(filter(fits, string.printable[:95])) or "?"
    return piece


def _repeats(quantifier: str | None) -> tuple[int, int]:
    if quantifier is None:
        return 1, 1
    if not quantifier.startswith("{"):
        return {"*": (0, _MOST_REPEATS), "+": (1, _MOST_REPEATS), "?": (0, 1)}[quantifier]
    fewest, comma, most = quantifier[1:-1].partition(",")
    if not comma:
        return int(fewest), int(fewest)
    return int(fewest), int(most) if most else int(fewest) + _MOST_REPEATS
