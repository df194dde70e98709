"""What people say in ten languages, by the search that looks for it: the lists in `words/`, a file a search."""

import re
import tomllib
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent / "words"


def words_of(search: str) -> dict[str, Any]:
    """The lists of a search: words for `word_set`, phrases for `one_of`, tables."""
    return tomllib.loads((_FOLDER / f"{search}.toml").read_text(encoding="utf-8"))


def word_set(words: str) -> frozenset[str]:
    """The words of a text with white space between them."""
    return frozenset(words.split())


def phrases(listed: str) -> list[str]:
    """Phrases with ` | ` or a line end between them."""
    return re.split(r" \| |\n", listed.strip("\n"))


def one_of(listed: str) -> str:
    """The pattern of any of some phrases, which are regular expressions; where two fit, the first of them counts."""
    return f"(?:{'|'.join(phrases(listed))})"
