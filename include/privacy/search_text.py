"""A text as the searches read it: one way to write digits, spaces and dashes, no invisible characters, no bare accents.

People paste numbers with no-break spaces, phones write full-width digits, and a zero-width space in the middle of a
number hides it from a search but from nobody who reads it. What is stored keeps the characters that the customer wrote.
"""

import re
import unicodedata
from array import array
from collections.abc import Sequence
from typing import NamedTuple

_FULL_WIDTH = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
_SPACES = dict.fromkeys((0xA0, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000), " ")
_DASHES = dict.fromkeys((*range(0x2010, 0x2016), 0x2212, 0xFE58, 0xFE63), "-")
_SAME_LENGTH = _FULL_WIDTH | _SPACES | _DASHES | {0x2024: ".", 0xFE52: ".", 0xFE6B: "@", 0x02BC: "'"}
_TRANSLATED = re.compile(f"[{''.join(map(re.escape, map(chr, _SAME_LENGTH)))}]")
_OTHER_DIGIT = re.compile(r"(?![0-9])\d")
_INVISIBLE = r"\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufeff"
_ACCENT = r"\u0300-\u034e\u0350-\u036f"
# Letters of scripts that put no spaces between words: Thai, Lao, Burmese, Khmer, Kana, Chinese, Korean.
_UNSPACED = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f"
    r"\U00020000-\U0003ffff"
)
UNSPACED = re.compile(f"[{_UNSPACED}]")
_SPACED = r"[A-Za-z0-9+]"
# A letter with accents behind it, which one character may stand for; what nobody sees; and the place between two
# scripts, where a number or an address begins or ends although no space says so.
_CHANGED = re.compile(
    rf"[^\W\d_][{_ACCENT}]{{1,2}}|[{_INVISIBLE}{_ACCENT}]+"
    rf"|(?<=[{_UNSPACED}])(?={_SPACED})|(?<=[A-Za-z0-9])(?=[{_UNSPACED}])"
)


class SearchText(NamedTuple):
    """What is searched, and where it stands in the text itself.

    Args:
        text: to search.
        starts: of each character and of the end, in the text itself; none if all stand where they stood.
    """

    text: str
    starts: Sequence[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Place in the text itself of characters `start` to `end` of the view, with the accents that belong to them."""
        return (self.starts[start], self.starts[end]) if self.starts else (start, end)


def search_text(text: str) -> SearchText:
    """The view of a text; takes time that grows with its length alone."""
    if text.isascii():
        return SearchText(text, ())
    plain = text.translate(_SAME_LENGTH) if _TRANSLATED.search(text) else text
    plain = _OTHER_DIGIT.sub(lambda digit: str(int(digit.group())), plain)
    if _CHANGED.search(plain) is None:
        return SearchText(plain, ())
    parts, starts, position = [], array("L"), 0
    for changed in _CHANGED.finditer(plain):
        parts.append(plain[position : changed.start()])
        starts.extend(range(position, changed.start()))
        composed = " " if not changed.group() else _composed(changed.group())
        # An accent for which there is no letter is left out: `José` is found by its letters.
        parts.append(composed[:1])
        if composed:
            starts.append(changed.start())
        position = changed.end()
    parts.append(plain[position:])
    starts.extend(range(position, len(plain) + 1))
    return SearchText("".join(parts), starts)


def _composed(changed: str) -> str:
    return unicodedata.normalize("NFC", changed) if changed[0].isalpha() else ""
