"""What a pipeline wants taken out of its texts. Light, because DAG files are parsed with it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from include.errors import ConfigurationError
from include.text.columns import column_name

KINDS = (
    "ACCOUNT",
    "ADDRESS",
    "BIRTHDATE",
    "CARD",
    "EMAIL",
    "IBAN",
    "IP",
    "NATIONAL_ID",
    "PERSON",
    "PHONE",
    "SECRET",
)
# Help desks and app stores name the customer's id so.
CUSTOMER_ID_COLUMNS = ("customer_id", "user_id", "author_id", "requester_id")
# Columns that hold nothing but a person's name, which no rule could tell from other words.
PERSON_COLUMNS = (
    *("author", "author_name", "user_name", "username", "customer_name", "reviewer", "reviewer_name", "nickname"),
    *("requester_name", "full_name", "first_name", "last_name", "contact_name", "agent_name"),
)
_KIND = re.compile(r"[A-Z](?:[A-Z_]{0,28}[A-Z])?")
# Of a regular expression: what stands for itself, a set of characters, and what repeats or chooses.
_PART = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|(?P<open>\((?:\?[^)]*?[:=!>])?)|(?P<close>\))|(?P<choice>\|)"
    r"|(?P<many>[+*]|\{\d*,\d*\})|(?P<exact>\{\d+\})|.",
    re.DOTALL,
)
PLACEHOLDER = re.compile(r"<([A-Z][A-Z_]{0,29})_(\d{1,6})>")


@dataclass(frozen=True)
class RedactionPolicy:
    """Which kinds of personal data are taken out of a pipeline's records.

    Args:
        kinds: of `KINDS`; what each covers stands in `include/privacy/README.md`.
        patterns: a company's own kinds: name in capitals, and the regular expression of what is taken out, such as
            `{"ORDER": r"\\bORD-\\d{8}\\b"}`. They are searched before the kinds above, and case counts. A repetition
            of a repetition or of a choice, such as `(a+ ?)+` and `(a|b)*`, is refused, because a text could hold up
            the night with it.
        customer_id_columns: the source's columns with the customer's id. The first that has one becomes the attribute
            `customer_key`; none of them is kept.
        person_columns: the source's columns that hold names of persons; they become placeholders whole, unless `PERSON`
            is switched off.

    Raises:
        ConfigurationError: a kind that does not exist, a pattern that is none, matches the empty text or repeats a
            repetition.
    """

    kinds: Iterable[str] = KINDS
    patterns: Mapping[str, str] = field(default_factory=dict)
    customer_id_columns: Iterable[str] = CUSTOMER_ID_COLUMNS
    person_columns: Iterable[str] = PERSON_COLUMNS

    def __post_init__(self) -> None:
        object.__setattr__(self, "kinds", frozenset(_strings(self.kinds, "kinds")))
        for columns in ("customer_id_columns", "person_columns"):
            # `Customer ID` is `customer_id` to whoever reads the rows.
            names = tuple(column_name(name) for name in _strings(getattr(self, columns), columns))
            object.__setattr__(self, columns, names)
        object.__setattr__(self, "patterns", dict(self.patterns))
        unknown = sorted(set(self.kinds) - set(KINDS))
        if unknown:
            raise ConfigurationError(
                f"RedactionPolicy: there is no kind {', '.join(unknown)}. Choose of {', '.join(KINDS)}."
            )
        for kind, pattern in self.patterns.items():
            _check_pattern(kind, pattern)

    def __hash__(self) -> int:
        return hash((self.kinds, tuple(self.patterns.items()), self.customer_id_columns, self.person_columns))


def kinds_in(text: str) -> tuple[str, ...]:
    """Kinds whose placeholders stand in a redacted text, sorted."""
    return tuple(sorted({kind for kind, _ in PLACEHOLDER.findall(text)}))


def _strings(given: Iterable[str], name: str) -> tuple[str, ...]:
    if isinstance(given, str):
        raise ConfigurationError(f"RedactionPolicy: {name} is the text {given!r}. Make it a tuple: ({given!r},).")
    return tuple(given)


def _repeats_what_varies(pattern: str) -> bool:
    """Whether a group that matches in more than one way is repeated, so that the ways multiply."""
    varies = [False]
    closed: bool | None = None
    for part in _PART.finditer(pattern):
        if part["open"]:
            varies.append(False)
        elif part["choice"] or part["many"]:
            if part["many"] and closed:
                return True
            varies[-1] = True
        elif part["exact"] and closed:
            return True
        closed = None
        if part["close"] and len(varies) > 1:
            closed = varies.pop()
            varies[-1] |= closed
    return False


def _check_pattern(kind: str, pattern: str) -> None:
    if not _KIND.fullmatch(kind) or kind in KINDS:
        raise ConfigurationError(
            f"RedactionPolicy: a pattern cannot be named {kind!r}. Use capitals and underscores, at most 30 "
            f"characters, and none of {', '.join(KINDS)}."
        )
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ConfigurationError(f"RedactionPolicy: the pattern of {kind} is wrong: {error}. Correct it.") from error
    if _repeats_what_varies(pattern):
        raise ConfigurationError(
            f"RedactionPolicy: the pattern of {kind} repeats a repetition or a choice, which can take for ever. Repeat "
            "only what is always the same, and write [ab] for (a|b)."
        )
    if compiled.search(""):
        raise ConfigurationError(f"RedactionPolicy: the pattern of {kind} matches the empty text. Make it longer.")
