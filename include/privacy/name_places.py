"""Find names by where they stand in a transcript or a mail."""

import re
from collections.abc import Iterator

from include.privacy.name_forms import WORD, Name, name_at
from include.privacy.name_lists import ambiguous_given_names, given_names, surnames

LINE_END = re.compile(r"[.,! ]{0,2}(?:\n|$)")
_ADDRESS_IN_BRACKETS = re.compile(r" ?[<(\[]\x00")
_MAIL_HEAD = re.compile(
    r"^[> ]{0,6}(?:From|To|Cc|Von|An|De|Da|Para|Van|Aan|Od|Name|Contact|Patient|Guest|Passenger|Recipient): ",
    re.MULTILINE,
)
_SPEAKER = re.compile(r"^(?P<name>[^\W\d_][^\n:\d<>]{1,40}): ", re.MULTILINE)


def correspondents(text: str) -> Iterator[Name]:
    """Names right before an e-mail address in brackets, and in the head of a quoted mail."""
    for address in _ADDRESS_IN_BRACKETS.finditer(text):
        line = text.rfind("\n", max(address.start() - 60, 0), address.start()) + 1 or max(address.start() - 60, 0)
        for word in WORD.finditer(text, line, address.start()):
            name = name_at(text, word.start())
            if name and name.end == address.start():
                yield name
                break
    for head in _MAIL_HEAD.finditer(text):
        name = name_at(text, head.end())
        if name and LINE_END.match(text, name.end):
            yield name


def speakers(text: str) -> Iterator[Name]:
    """Names before a colon at the beginning of a line, as transcripts have them."""
    if ":" not in text:
        return
    for line in _SPEAKER.finditer(text):
        name = name_at(text, line.start("name"))
        if name and name.end == line.end("name") and len(name.words) > 1:
            first, last = name.words[0], name.words[-1]
            if first in given_names() or first in ambiguous_given_names() or last in surnames():
                yield name
