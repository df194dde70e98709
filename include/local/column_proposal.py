"""Which columns of a file are likely the parts of a record: a proposal to a person, never a guess of a night."""

import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from include.privacy.policy import RedactionPolicy
from include.privacy.redact import Redactor
from include.sources.column_pairs import quoted
from include.sources.columns import MOST_MEANT_CHARACTERS, PRESET, TIMES, Way, as_written, parts_in, presets
from include.sources.fields import is_given, moment_of, spelt_name

# Enough to tell a column of texts from one of words, and ids from what only looks like them.
SAMPLE_ROWS = 200
# What people write who do not put the year first; where day and month cannot be told apart, two of them fit.
_DAYS, _CLOCKS = ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y"), ("", " %H:%M", " %H:%M:%S")
_TIMES = (*(day + clock for day in _DAYS for clock in _CLOCKS), "%d/%b/%y %I:%M %p", "%m/%d/%Y %I:%M:%S %p")
_OF_AN_ID = re.compile(r"(?:^|_)(?:id|key|number|no|nr|uuid|ref|reference)(?:_|$)|nummer")
_OF_AN_END = re.compile("updat|modif|chang|clos|resol|solv|due|end|last")
_LONGEST_ID = 64
_FEWEST_WORDS = 3
_PARTS = (("id", "record_id"), ("text", "turns"), ("created_at", "occurred_at"))


def propose(rows: Sequence[Mapping[str, Any]], setting: str) -> str | None:
    """The setting to copy, by the names that presets know and else by what the columns hold.

    Args:
        rows: some of the file, under its own names.
        setting: name of the variable.

    Returns:
        `NIGHTSHIFT_COLUMNS_X='id=Ticket ID,text=Description'`; None if id and text are there already, or if nothing
        is likely.
    """
    columns: dict[str, list[Any]] = {}
    for row in rows:
        for name, value in row.items():
            columns.setdefault(name, []).append(value)
    spelt = {spelt_name(name) for name in columns}
    known = {names[0] for names in _PARTS if not spelt.isdisjoint(names)}
    if known >= {"id", "text"}:
        return None
    text = _likely_text(columns)
    tool, of_tool = _likely_preset(columns, text)
    known.update(of_tool)
    record_id = _likely_id(columns, len(rows), text)
    created_at, times = _likely_time(columns, record_id)
    likely = {"id": record_id, "text": text, "created_at": created_at}
    found = {target: name for target, name in likely.items() if name and target not in known}
    if not known | found.keys() >= {"id", "text"}:
        return None
    elements = [f"{PRESET}{tool}"] if tool else []
    # A setting in `.env` is one line, and a short name is known by its words.
    lines = {name: " ".join(name.split()) if len(name) <= MOST_MEANT_CHARACTERS else name for name in found.values()}
    elements += [f"{target}={quoted(lines[name])}" for target, name in found.items()]
    value = ",".join(elements + ([f"{TIMES}{times}"] if times and "created_at" in found else []))
    # Where a file does not name its columns, its first row would be shown.
    return f"{setting}={shlex.quote(value)}" if Redactor(RedactionPolicy()).redact(value) == value else None


def _likely_preset(columns: Collection[str], text: str | None) -> tuple[str, Collection[str]]:
    """The tool of whose form most is there, and what that knows: all of its parts, or three with the text."""
    best, known = "", dict[str, list[Way]]()
    for tool, forms in presets().items():
        for form in forms:
            parts = parts_in(columns, form.pairs)
            # Another column with more to read is the text, if it does not stand within one.
            is_text = any(len(way) > 1 or way == (text,) for way in parts.get("text", ()))
            is_like_it = len(parts) == len(form.pairs) or (is_text and len(parts) >= 3)
            if "id" in parts and is_like_it and len(parts) > len(known):
                best, known = tool, parts
    return best, known.keys()


def _likely_text(columns: Mapping[str, list[Any]]) -> str | None:
    """The column with most to read."""
    lengths = {}
    for name, values in columns.items():
        texts = [value for value in values if isinstance(value, str) and value.strip()]
        if texts and sum(len(text.split()) for text in texts) >= _FEWEST_WORDS * len(texts):
            lengths[name] = sum(map(len, texts))
    return max(lengths, key=lambda name: lengths[name], default=None)


def _likely_id(columns: Mapping[str, list[Any]], rows: int, text: str | None) -> str | None:
    """A column in which all rows differ; best one that is called so."""
    distinct = {name: len({str(value) for value in values if _may_be_id(value)}) for name, values in columns.items()}
    unique = [name for name, count in distinct.items() if count == rows and name != text]
    return min(unique, key=lambda name: name != "#" and not _OF_AN_ID.search(spelt_name(name)), default=None)


def _may_be_id(value: Any) -> bool:
    is_short = isinstance(value, str | int) and is_given(value) and len(str(value)) <= _LONGEST_ID
    return is_short and (str(value).isdecimal() or moment_of(value) is None)


def _likely_time(columns: Mapping[str, list[Any]], record_id: str | None) -> tuple[str | None, str | None]:
    """A column of times, best one that is not of a later change, and how they are written if that must be said."""
    found: dict[str, str] = {}
    for name, values in columns.items():
        given = [value for value in values if is_given(value) and name != record_id]
        forms = [form for form in ("", *_TIMES) if given and all(_is_time(value, form) for value in given)]
        if len(forms) == 1 or "" in forms:
            found[name] = forms[0]
    likely = min(found, key=lambda name: bool(_OF_AN_END.search(spelt_name(name))), default=None)
    return likely, found[likely] if likely else None


def _is_time(value: Any, form: str) -> bool:
    if not isinstance(value, str) or value.strip().isdecimal():
        # A number may count seconds, and cases.
        return isinstance(value, date) and not form
    return isinstance(as_written(value, (form,)), datetime) if form else moment_of(value) is not None
