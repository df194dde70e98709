"""Columns of any name: a setting says which of a row's columns are the parts of a record."""

import functools
import logging
import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from include.errors import ConfigurationError
from include.privacy.policy import RedactionPolicy
from include.sources.atlassian_document import document_text
from include.sources.column_pairs import HASH, Pair, split, unquoted
from include.sources.fields import OWN_COLUMNS, canonical, is_given, redacted_text, spelt_name
from include.sources.json_parts import part
from include.sources.markup import plain_text
from include.sources.record_id import as_id
from include.sources.row import MAX_COLUMNS, BadRow, Row
from include.text.clean import clean_text
from include.text.columns import column_name, content_version

log = logging.getLogger(__name__)

PRESET, TIMES, _LOOKS = "preset:", "times:", "ids:"
# Where one is mapped, a column that is called like another of its group is an attribute.
_GROUPS = (("id", "record_id"), ("text", "turns"), ("created_at", "occurred_at"), ("changed_at", "updated_at"))
_IDS, _TIME_COLUMNS = _GROUPS[0], (*_GROUPS[2], *_GROUPS[3])
# Rows of JSON need not all have a column: it is missed when none of so many has it.
ROWS_BEFORE_MISSED = 1_000
NO_SUCH_ID = "the row has no id of the form that the preset knows, so it tells of the columns once more"
SHOWN_COLUMNS = 100
# Of rows of JSON any may have columns of its own.
MOST_PLANS = 1_000
MOST_MEANT_CHARACTERS = 60
_OFFSET = re.compile(r"(?:GMT|UTC)([+-])(\d{1,2})(?::(\d\d))?$")

# The names that lead to a value.
Way = tuple[str, ...]


def columns_setting(pipeline_name: str) -> str:
    """Name of the variable that says which columns of files and tables are the parts of a record."""
    return f"NIGHTSHIFT_COLUMNS_{pipeline_name.upper()}"


@dataclass(frozen=True, eq=False)
class ColumnMapping:
    """Which columns are the parts of a record; all others stay attributes under their own names.

    Args:
        setting: that says so, for messages.
        pairs: of the setting itself; they go before those of a preset.
        times: how times are written, for `strptime`, besides what is read anyway.
        tools: whose presets it names.
        looks: of ids, as regular expressions; a row with another id tells of the columns once more.
    """

    setting: str = ""
    pairs: tuple[Pair, ...] = ()
    times: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    looks: tuple[str, ...] = ()

    @classmethod
    def of(cls, setting: str, value: str) -> "ColumnMapping":
        """A mapping as a person writes it: `preset:zendesk,id=Ticket ID,text=Subject+Description`.

        A name with a comma or a plus in it stands in quotes as in CSV, `text="Well, what happened?"`; so may a whole
        element. `times:%d/%m/%Y` says how times are written.

        Raises:
            ConfigurationError: it cannot be read so, or names no preset that there is.
        """
        elements = [unquoted(element) for element in split(value, ",", setting)]
        times, tools, looks = (
            tuple(element.removeprefix(kind).strip() for element in elements if element.startswith(kind))
            for kind in (TIMES, PRESET, _LOOKS)
        )
        for tool in tools:
            if tool not in presets():
                raise ConfigurationError(f"{setting}: there is no preset {tool!r}. There are: {', '.join(presets())}.")
        for form in times:
            _check_form(form, setting)
        pairs: dict[str, Pair] = {}
        for element in elements:
            if not element or element.startswith((TIMES, PRESET, _LOOKS)):
                continue
            target, _, rest = (part.strip() for part in element.partition("="))
            columns = tuple(map(unquoted, split(rest.removeprefix(HASH), "+", setting)))
            if not target or not all(columns):
                raise ConfigurationError(
                    f"{setting}: {element!r} says of no column what it is. Write id=Ticket ID,text=Subject+Description "
                    'or preset:zendesk; a name with a comma or a plus stands in quotes: text="Well, what happened?"'
                )
            pair = Pair(column_name(target), columns, rest.startswith(HASH))
            if pair.target in pairs:
                raise ConfigurationError(f"{setting} says twice what {pair.target!r} is. Join columns with a +.")
            pairs[pair.target] = pair
        return cls(setting, tuple(pairs.values()), times, tools, looks)

    def names_of(self, targets: Collection[str]) -> frozenset[str]:
        """These parts of a record, and the columns that they are made of, as `column_name` gives them."""
        pairs = (*self.pairs, *(pair for form in self._forms for pair in form.pairs))
        mapped = (column for pair in pairs if pair.target in targets for column in pair.columns)
        return frozenset((*targets, *map(column_name, mapped)))

    def row(self, row: dict[str, Any]) -> dict[str, Any]:
        """A row under the names that the parts of a record have."""
        if len(row) > MAX_COLUMNS:
            return row
        parts, times = _plan(self, tuple(row))
        mapped = {pair.target: _joined(pair.target, [part(row, *way) for way in ways], times) for pair, ways in parts}
        for pair, _ in parts:
            if pair.is_hashed and is_given(mapped[pair.target]):
                known_by = {name: mapped.get(name) for name in (pair.target, "text", "turns")}
                mapped[pair.target] = content_version(canonical(known_by))
        return mapped

    def rows(self, rows: Iterator[Row], name: str, *, is_table: bool) -> Iterator[Row]:
        """The rows of one file under the names that the parts of a record have.

        Args:
            name: of the file, for messages.
            is_table: whether all rows have the same columns.

        Raises:
            ConfigurationError: see `check`.
        """
        if not (self.pairs or self.times or self.tools):
            yield from rows
            return
        has_id = any(pair.target == "id" for pair in self.pairs)
        looks = [look for form in (self, *([] if has_id else self._forms)) for look in form.looks]
        found: dict[str, None] = {}
        unjudged = 1 if is_table else ROWS_BEFORE_MISSED
        for number, row in rows:
            if isinstance(row, BadRow):
                yield number, row
                continue
            if unjudged:
                found |= dict.fromkeys(row)
                unjudged -= 1
                if not unjudged:
                    self.check(found, name, is_table=is_table)
            mapped = self.row(row)
            is_record = not looks or any(re.fullmatch(look, str(mapped.get("id"))) for look in looks)
            yield number, mapped if is_record else BadRow("not_csv", NO_SUCH_ID, canonical(row).encode())
        if found and unjudged:
            self.check(found, name, is_table=is_table)

    def check(self, found: Collection[str], where: str, *, is_table: bool) -> None:
        """Miss the columns that are named and not there.

        Args:
            found: the columns that are there.
            where: the file or query, for the message.
            is_table: whether all rows have the same columns. Of others a night may bring none with some column: then
                only a part of a record that has none of its columns is missed, and of all else the log tells.

        Raises:
            ConfigurationError: there is no such column; says which there are.
        """
        missing: list[str] = []
        for pair in self.pairs:
            absent = [column for column in pair.columns if not _way(column, found)]
            if is_table or (pair.target in OWN_COLUMNS and len(absent) == len(pair.columns)):
                missing += absent
            elif absent:
                log.warning("No row of %s has %s, which %s names.", where, ", ".join(absent), self.setting)
        if not missing and (not self.tools or self.form(found)):
            return
        what = ", ".join(map(repr, missing)) or f"the preset {' and '.join(self.tools)}"
        raise ConfigurationError(
            f"{self.setting} names {what}, and {where} has no such column{'' if missing else 's'}. It has: "
            f"{shown_columns(tuple(found), SHOWN_COLUMNS, RedactionPolicy())}. Name the columns that it has: "
            "id=<column>,text=<column>."
        )

    @property
    def _forms(self) -> list["ColumnMapping"]:
        return [form for tool in self.tools for form in presets()[tool]]

    def form(self, columns: Collection[str]) -> "ColumnMapping | None":
        """The form of a preset of which most columns are there, with its id if the setting itself names none."""
        has_id = any(pair.target == "id" for pair in self.pairs)
        parts = {form: parts_in(columns, form.pairs) for form in self._forms}
        fitting = [form for form in parts if parts[form] and (has_id or "id" in parts[form])]
        return max(fitting, key=lambda form: sum(map(len, parts[form].values())), default=None)


AS_CALLED = ColumnMapping()


@dataclass(frozen=True)
class Reading:
    """How a file is read, as far as settings say it.

    Args:
        encoding: of a table that is neither UTF-8 nor UTF-16; None: see `encoding_of`.
        mapping: which columns are the parts of a record, if their names do not say it.
    """

    encoding: str | None = None
    mapping: ColumnMapping = AS_CALLED


AS_IT_LOOKS = Reading()


@functools.cache
def presets() -> dict[str, tuple[ColumnMapping, ...]]:
    """Of each tool the forms in which its texts come, from `column_presets.toml`."""
    path = Path(__file__).with_name("column_presets.toml")
    tools: dict[str, list[dict[str, str]]] = tomllib.loads(path.read_text(encoding="utf-8"))
    of = functools.partial(ColumnMapping.of, path.name)
    return {tool: tuple(of(form["columns"]) for form in forms) for tool, forms in tools.items()}


@functools.lru_cache(maxsize=MOST_PLANS)
def _plan(mapping: ColumnMapping, columns: Way) -> tuple[list[tuple[Pair, list[Way]]], tuple[str, ...]]:
    """How rows with these columns are read: what leads to each part and to all others, and the forms of times."""
    form = mapping.form(columns)
    times = (*mapping.times, *(form.times if form else ()))
    named = {pair.target: pair for pair in (*(form.pairs if form else ()), *mapping.pairs)}
    # Their form may have to be said of columns that are called what they are.
    named |= {name: Pair(name, (name,)) for name in _TIME_COLUMNS if times and name not in named}
    ways = parts_in(columns, named.values())
    taken = {name for group in _GROUPS if ways.keys() & set(group) for name in group} | ways.keys()
    used = {way for of_part in ways.values() for way in of_part}
    parts = [(named[target], of_part) for target, of_part in ways.items()]
    for name in columns:
        if (name,) not in used:
            parts.append((Pair(f"{name}_" if spelt_name(name) in taken else name, ()), [(name,)]))
    return parts, times


def parts_in(columns: Collection[str], pairs: Iterable[Pair]) -> dict[str, list[Way]]:
    """What leads to each part of a record of which a column is there."""
    ways = {pair.target: [way for column in pair.columns if (way := _way(column, columns))] for pair in pairs}
    return {target: found for target, found in ways.items() if found}


@functools.lru_cache(maxsize=256)
def shown_columns(names: Way, most: int, redaction: RedactionPolicy) -> str:
    """Names of columns for a message, redacted: where a file does not name them, they are a customer's words."""
    # It takes longer to load than a DAG may take.
    from include.privacy.redact import Redactor

    redactor = Redactor(redaction)
    shown = [redactor.redact(plain_text(clean_text(" ".join(str(name).split())[:40]))) for name in names[:most]]
    return ", ".join(shown + (["..."] if len(names) > most else []))


def _way(column: str, columns: Collection[str]) -> Way:
    """What leads to a column, named as it is or as it is meant; empty if it is not there."""
    if column in columns:
        return (column,)
    meant = column_name(column)
    # Longer ones are cut, and questions begin alike.
    alike = (name for name in columns if len(name) <= MOST_MEANT_CHARACTERS and column_name(name) == meant)
    if name := next(alike, None):
        return (name,)
    outer, *inner = column.split(".")
    return (outer, *inner) if inner and outer in columns else ()


def _check_form(form: str, setting: str) -> None:
    try:
        # A time in this form is read by it; what is no form at all cannot even be asked for.
        datetime.strptime(datetime.now(UTC).strftime(form), form)  # noqa: DTZ007 - only whether it can be read
    except (ValueError, re.error) as error:
        raise ConfigurationError(
            f"{setting}: {TIMES + form!r} is no form of times. Write it as in times:%d/%m/%Y %H:%M"
        ) from error


def _joined(target: str, values: list[Any], times: tuple[str, ...]) -> Any:
    value = values[0]
    if len(values) > 1 or _is_document(value):
        as_text = as_id if target in _IDS else _as_text
        texts = [text for part in values if is_given(part) and (text := as_text(part))]
        # Half an id is another record's.
        is_whole = len(texts) == len(values) or target not in _IDS
        value = (" " if target in (*_IDS, *_TIME_COLUMNS) else "\n\n").join(texts) if texts and is_whole else None
    return as_written(value, times) if target in _TIME_COLUMNS and isinstance(value, str) else value


def _as_text(value: Any) -> str | None:
    with suppress(RecursionError, TypeError, AttributeError):
        return document_text(value) if _is_document(value) else redacted_text(value, lambda text, _: text)
    return None


def _is_document(value: Any) -> bool:
    return isinstance(value, Mapping) and value.get("type") == "doc"


def as_written(value: str, times: tuple[str, ...]) -> datetime | str:
    """A time in one of these forms; else as it is given, for the judgement of `time_of`."""
    given = _OFFSET.sub(lambda found: f"{found[1]}{found[2]:0>2}:{found[3] or '00'}", value.strip())
    for form in times:
        try:
            return datetime.strptime(given, form)  # noqa: DTZ007 - the zone comes where all times get theirs
        except ValueError:
            continue
    return value
