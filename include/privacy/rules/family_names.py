"""Find names by their family names: `Xanthe Okafor`, `J. de Vries`, `Grace Okafor`."""

import re

from include.privacy.rules.name_cues import plausible
from include.privacy.rules.name_forms import Name, name_at, with_initials
from include.privacy.rules.name_lists import is_a_company, may_be_a_name, surnames
from include.privacy.rules.searched import Anchor

_LAST_WORD = re.compile(r"(?<![\w'’.-])(?P<name>[^\W\d_][\w'’-]+) $")
_CHARACTERS = 30
_COURTESY = re.compile(
    r"\b(?:thanks|thank you|thankyou|okay|ok|bye|goodbye|problem|welcome|morning|afternoon|evening"
    r"|sorry|cheers|merci|danke"
    r"|gracias|grazie|obrigad[oa]|dank je|dank u|bedankt|hi|hello|hey|sure|perfect|great|alright"
    r"|all right)(?: (?:again|so much"
    r"|very much|there))?,? $",
    re.IGNORECASE,
)


def family_name(text: str, anchor: Anchor) -> Name | None:
    """Two words of which the second is a family name of the list: `Xanthe Okafor`."""
    last = _LAST_WORD.search(text, max(anchor.start - _CHARACTERS, 0), anchor.start)
    alone = name_at(text, anchor.start)
    if alone and (named := with_initials(text, alone)) != alone:
        return named
    name = plausible(name_at(text, last.start("name"))) if last else None
    is_name = name and name.end >= anchor.end and may_be_a_name(name.words[0]) and not name.words[0].isupper()
    return name if is_name else None


def with_a_particle(text: str, anchor: Anchor) -> Name | None:
    """`J. de Vries`, whatever the family name."""
    name = name_at(text, anchor.end + 1)
    named = with_initials(text, name) if name else None
    return named if named != name else None


def ambiguous(text: str, anchor: Anchor) -> Name | None:
    """A given name that is a word too, with a family name behind it, or set off by commas after a word of courtesy."""
    name = name_at(text, anchor.start)
    if name is None or is_a_company(name.words[0]):
        return None
    if len(name.words) > 1 and name.words[-1] in surnames():
        return name
    if len(name.words) == 1 and _COURTESY.search(text, max(anchor.start - 24, 0), anchor.start):
        return name if text[name.end : name.end + 1] in (",", ".", "!", "?", "\n", "") else None
    return None
