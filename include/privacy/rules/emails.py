"""Find e-mail addresses, written and spoken."""

import re
from collections.abc import Iterator

from include.privacy.engine import Finding
from include.privacy.rules.searched import Searched
from include.privacy.rules.word_lists import one_of, phrases, word_set, words_of

_WORDS = words_of("emails")

LONGEST_LOCAL_PART = 64
AT = re.compile(r"@|%40|&#64;|&commat;")
_DOMAIN = re.compile(r"(?:[\w-]{1,63}\.){1,8}(?:xn--[\w-]{2,59}|[^\W\d_]{2,24})")


def find_emails(searched: Searched) -> Iterator[Finding]:
    """E-mail addresses, also with `%40` as in a URL."""
    text, last_end = searched.text, 0
    for at in AT.finditer(text):
        start = at.start()
        while start > max(last_end, at.start() - LONGEST_LOCAL_PART) and _is_local(text[start - 1]):
            start -= 1
        domain = _DOMAIN.match(text, at.end())
        if start < at.start() and domain:
            last_end = domain.end()
            yield Finding(start, domain.end(), "EMAIL", f"{text[start : at.start()]}@{domain.group()}".casefold())


def _is_local(character: str) -> bool:
    return character.isalnum() or character in "._+-'"


# How people of the bundled samples' languages say the signs of an address.
AT_WORDS = word_set(_WORDS["at"])
_WORDS_TOO = ("at", "ät")
# Those of two words, of which the first is above.
_REST_OF_AT = {
    **dict.fromkeys(("snabel",), re.compile(r"[ -]?a(?!\w)", re.IGNORECASE)),
    "kuyruklu": re.compile(r" a(?!\w)", re.IGNORECASE),
    "et": re.compile(r" işareti", re.IGNORECASE),
}
_SIGNS = {said: sign for sign, words in _WORDS["signs"].items() for said in phrases(words)}
_SIGN = "|".join(sorted(_SIGNS, key=len, reverse=True))
_DOT = one_of(_WORDS["signs"]["."])
# A word, or one spelt out: `t o m`.
_PART = r"(?:[^\W_](?: [^\W_]){1,20}(?!\w)|[\w-]{1,40})"
# `b as in boy`, of which the last word was read as the beginning of the address.
_AS_IN = r"[^\W_] (?:as in|like in|like|for|wie|comme|como|come|van|jak|som|gibi) "
_LETTERS = rf"(?:{_AS_IN}[^\W\d_]{{2,20}}[ ,.]{{1,2}})"
_LETTERS_BEFORE = re.compile(rf"(?<!\w)(?:{_LETTERS}{{1,8}}(?:{_AS_IN})?|{_AS_IN})$", re.IGNORECASE)
_SPOKEN_LOCAL = re.compile(rf"(?<!\w){_PART}(?:(?: (?:{_SIGN}) |[._+-]){_PART}){{0,5}}[ (\[{{]{{1,2}}$", re.IGNORECASE)
_SPOKEN_DOMAIN = re.compile(
    rf"[)\]}}]?[ ,]{{0,2}}([\w-]{{2,40}}(?:(?: ?[(\[{{]? ?(?:{_DOT}) ?[)\]}}]? ?|\.)[^\W\d_]{{2,20}}){{1,3}})(?!\w)",
    re.IGNORECASE,
)
_SPOKEN_DOT = re.compile(rf" ?[(\[{{]? ?(?:{_DOT}) ?[)\]}}]? ?", re.IGNORECASE)
_SPOKEN_SIGN = re.compile(rf" ?\b({_SIGN})\b ?", re.IGNORECASE)
# `it at amazon dot com` is where it was bought; `tom at gmail dot com` is an address.
_MAIL_HOSTS = word_set(_WORDS["mail_hosts"])
_NO_LOCAL = word_set("us me it him her you them look buy bought here there was is are")
# `at that point that` is no address: whoever says `at` says one of these for the dot.
_DOT_AFTER_AT = re.compile(r"\b(?:dot|punkt|punt)\b|\.", re.IGNORECASE)
_MAIL_BEFORE = re.compile(r"mail|correo|address|adresse|dirección|posta|courriel", re.IGNORECASE)
_SPOKEN_CHARACTERS = 80
_CLOSING_BRACKETS = (")", "]", "}")


def find_spoken_emails(searched: Searched) -> Iterator[Finding]:
    """Addresses as they are said, `john dot smith at gmail dot com`, or hidden, `john (at) gmail.com`."""
    text = searched.text
    for at in searched.anchors.get("spoken_email", ()):
        rest = _REST_OF_AT[at.word].match(text, at.end) if at.word in _REST_OF_AT else None
        if at.word in _REST_OF_AT and rest is None:
            continue
        domain = _SPOKEN_DOMAIN.match(text, rest.end() if rest else at.end)
        window = text[max(at.start - _SPOKEN_CHARACTERS, 0) : at.start]
        local = _SPOKEN_LOCAL.search(window) if domain else None
        if domain is None or local is None or (at.word == "at" and not _DOT_AFTER_AT.search(domain.group())):
            continue
        host = _SPOKEN_DOT.sub(".", domain.group(1)).casefold()
        said = local.group().rstrip(" ([{")
        start = at.start - len(window) + local.start()
        letters = _LETTERS_BEFORE.search(text, max(start - _SPOKEN_CHARACTERS, 0), start)
        if letters:
            start, said = letters.start(), f"{letters.group()}{said}"
        is_address = (
            (text[at.start - 1] in "([{" and text[at.end : at.end + 1] in _CLOSING_BRACKETS)
            or _SPOKEN_SIGN.search(said)
            or re.search(r"[\d._+-]|\w \w\b", said)
            or at.word not in _WORDS_TOO
            or host.partition(".")[0] in _MAIL_HOSTS
            or _MAIL_BEFORE.search(text, max(start - _SPOKEN_CHARACTERS, 0), start)
        )
        if is_address and said.casefold() not in _NO_LOCAL:
            name = _SPOKEN_SIGN.sub(lambda sign: _SIGNS[sign.group(1).casefold()], said).replace(" ", "").casefold()
            yield Finding(start, domain.end(1), "EMAIL", f"{name}@{host}")
