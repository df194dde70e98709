"""The lists of words: each is looked for by a search, and each counts in the version of the redaction."""

import re
from pathlib import Path

import include.privacy.rules
from include.code_version import HASHED_SUFFIXES
from include.privacy.rules.word_lists import one_of, words_of

RULES = Path(include.privacy.rules.__file__).parent


def test_every_list_is_used_by_the_search_that_it_is_named_for() -> None:
    for path in (RULES / "words").iterdir():
        search = (RULES / f"{path.stem}.py").read_text(encoding="utf-8")
        assert set(re.findall(r"""\[["'](\w+)["']\]""", search)) >= words_of(path.stem).keys(), path


def test_a_list_that_changes_is_another_version_of_the_redaction() -> None:
    files = [path for folder in ("names", "words") for path in (RULES / folder).iterdir()]
    assert {path.suffix for path in files if not path.name.startswith("LICENSE")} <= HASHED_SUFFIXES


def test_phrases_stand_on_lines_or_between_bars_and_keep_their_spaces_and_alternatives() -> None:
    assert one_of("kd nr | konto\n(?: a| b)c\n") == "(?:kd nr|konto|(?: a| b)c)"
