"""Make any text storable and sendable: valid Unicode without control characters."""

import re

# Arrow and JSON refuse lone surrogates; half an emoji is best shown as what it is: damaged.
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")


def clean_text(text: str) -> str:
    """Replace lone surrogates by U+FFFD, line ends by `\\n`, and drop control characters but tab and line feed.

    Emoji, right-to-left marks and every other character that a customer may have meant stay as they are.
    """
    unified = text.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.sub("", _LONE_SURROGATE.sub("\ufffd", unified)).strip()
