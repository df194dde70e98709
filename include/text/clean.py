"""Make any text storable and sendable: valid Unicode without control characters."""

import re
import unicodedata

# Arrow and JSON refuse lone surrogates; half an emoji is best shown as what it is: damaged.
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")
_LINE_END = re.compile(r"\r\n?|\x85")
_WITHOUT_INK = frozenset({"Cc", "Cf", "Mn", "Zl", "Zp", "Zs"})
# Letters and symbols by their category, blank to the eye: the Hangul fillers and the empty Braille pattern.
_BLANK_CHARACTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
# What programs write into a cell that holds nothing.
NO_VALUES = frozenset({"nan", "NaN", "NaT", "None", "NULL", "null", "N/A", "#N/A", "<NA>"})


def clean_text(text: str) -> str:
    """Replace lone surrogates by U+FFFD, line ends by `\\n`, drop control characters but tab and line feed, and strip.

    Emoji, right-to-left marks and every other character that a customer may have meant stay as they are. Unicode
    normalisation is left out on purpose: it takes quadratic time on long runs of combining marks (a text of
    100,000 characters can cost it 12 seconds), and it would change what the customer wrote.
    """
    if text.isprintable():
        return text.strip()
    unified = _LINE_END.sub("\n", text)
    return _CONTROL.sub("", _LONE_SURROGATE.sub("\ufffd", unified)).strip()


def is_blank(text: str) -> bool:
    """Whether nobody could see anything in it: spaces, control characters, zero-width characters, bare accents."""
    if text[:1].isalnum() and text[0] not in _BLANK_CHARACTERS:
        return False
    return all(character in _BLANK_CHARACTERS or unicodedata.category(character) in _WITHOUT_INK for character in text)
