"""What a part of a record is made of, as a setting says it: `id=Ticket ID,text=Subject+Description`."""

import re
from dataclasses import dataclass

from include.errors import ConfigurationError

HASH = "hash:"


@dataclass(frozen=True, slots=True)
class Pair:
    """One part of a record and the columns that it is made of.

    Args:
        target: `id`, `text`, another column that a source may have, or the name of an attribute.
        columns: as the file calls them; `a.b` is also b within the column a.
        is_hashed: whether it is a hash of their values and the text: the id of rows that have none.
    """

    target: str
    columns: tuple[str, ...]
    is_hashed: bool = False


def split(text: str, separator: str, setting: str) -> list[str]:
    """The parts of a text; within quotes a separator is none.

    Raises:
        ConfigurationError: a quote never closes.
    """
    if text.count('"') % 2:
        raise ConfigurationError(f'{setting} has a quote that never closes. A " in a name is written "" within quotes.')
    before_whole_quotes = r'(?=(?:[^"]*"[^"]*")*[^"]*$)'
    return [part.strip() for part in re.split(f"[{separator}]{before_whole_quotes}", text)]


def unquoted(part: str) -> str:
    """A name as it is meant; in quotes as in CSV it may hold anything."""
    is_quoted = len(part) > 1 and part[0] == part[-1] == '"'
    return part[1:-1].replace('""', '"') if is_quoted else part


def quoted(name: str) -> str:
    """A name as it can stand in the setting."""
    is_plain = name == name.strip() and not set(name) & set(',+"') and not name.startswith(HASH)
    return name if is_plain else '"' + name.replace('"', '""') + '"'
