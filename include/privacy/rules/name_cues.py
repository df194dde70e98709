"""Find names by what people say after them or around them: `Thandiwe from support`, `a lady called Thandiwe`.

Such a word may be in no list. It must begin with a capital, and be neither a word of the samples' languages nor a
company that the lists know.
"""

import re

from include.privacy.rules.name_forms import NO_NAME, WORD, Name, name_at, word_at
from include.privacy.rules.name_lists import (
    ambiguous_given_names,
    given_names,
    is_a_company,
    is_in_a_list,
    may_be_a_name,
)
from include.privacy.rules.searched import Anchor, word_set

_PERSON = (
    r"(?:agent|rep|representative|lady|man|guy|gentleman|woman|girl|boy|person|employee|someone|somebody|advis[eo]r|clerk"
    r"|technician|engineer|driver|courier|colleague|manager|supervisor|doctor|nurse|teacher|friend|cashier|assistant"
    r"|associate|operator|consultant|specialist|waiter|waitress|barista|receptionist|member|kid|son|daughter|wife|husband"
    r"|mitarbeiter(?:in)?|herr|dame|frau|kollegin|kollege|fahrer|dame|monsieur|personne|conseill(?:er|ère)|chica|chico"
    r"|señor(?:a|ita)?|empleado|empleada|persona|ragazz[oa]|signor[ae]?|operatore|operatrice|pessoa|moç[oa]|atendente"
    r"|medewerker|medewerkster|pani?|osoba|pracownik)"
)
_NO_THING = (
    r"(?<!company)(?<!business)(?<!app)(?<!game)(?<!product)(?<!bank)(?<!account)"
    r"(?<!file)(?<!above)(?<!agency)(?<!store)"
)
# What stands between the word and the name, and what must stand before the word.
_BEFORE_NAME = {
    **dict.fromkeys(
        ("named", "namens", "nommé", "nommée", "llamado", "llamada", "chamado", "chamada"), (r"\S+ ", _NO_THING + " $")
    ),
    **dict.fromkeys(("called", "namn", "appelé", "appelée"), (r"\S+ ", _PERSON + r"(?: there| here)? $")),
    "by": (
        r"by ",
        r"\b(?:helped|assisted|served|treated|advised|told|informed|contacted|greeted|handled|seen|examined|managed|welcomed"
        r"|looked after|taken care of|hung up on|sent out|signed|sent|submitted|approved) $",
    ),
    **dict.fromkeys(("kudos", "shoutout", "props", "compliments", "praise"), (r"\S+ (?:to|for) ", "")),
    "out": (r"out (?:to|for) ", r"\b(?:shout|call)[ -]$"),
    "thankful": (r"thankful to ", ""),
    "through": (r"through to ", ""),
    "ask": (r"ask for ", ""),
    **dict.fromkeys(("atendió", "atendeu", "ayudó", "ajudou"), (r"\S+ (?:la |el |a |o )?", "")),
    **dict.fromkeys(
        ("spoke", "spoken", "speaking", "speak", "talked", "talking", "chatted", "chatting", "dealt", "dealing", "met"),
        (r"\S+ (?:again |directly |briefly |today |yesterday )?(?:to|with) ", ""),
    ),
    **dict.fromkeys(
        (
            *(
                "hablé",
                "habló",
                "hablado",
                "hablamos",
                "parlé",
                "parlato",
                "falei",
                "falado",
                "gesproken",
                "rozmawiałem",
            ),
            *("rozmawiałam", "pratade", "pratat", "telefoniert"),
        ),
        (r"\S+ (?:con|avec|com|met|z|med|mit) ", ""),
    ),
    **dict.fromkeys(
        ("avec", "mit"), (r"\S+ (?:un certain |une certaine )?", r"\b(?:parlé|échangé|telefonat|gespräch) $")
    ),
}
_AFTER_WORD = {word: re.compile(after, re.IGNORECASE) for word, (after, _) in _BEFORE_NAME.items()}
_BEFORE_WORD = {word: re.compile(before, re.IGNORECASE) for word, (_, before) in _BEFORE_NAME.items() if before}
# Roles that a name follows: `the agent, Thandiwe, hung up`.
_ROLE = re.compile(r"[^\W\d_]+(?P<comma>,)? \(?")
_AFTER_ROLE = re.compile(r"[,.!?;:)\n]|$| [^\W\d_A-Z]")
_THANKED_FOR = re.compile(r"[!.,)\n]|$| (?:and|for|at|from|in|you|und|für|et|pour|y|por|e|per|pela|pelo|en|voor|&)\b")
_AND = re.compile(r" (?:and|&|und|et|y|e|en|och|i) ")
# What only persons are or do.
_MANNERS = (
    "rude", "polite", "patient", "unhelpful", "dismissive", "courteous", "condescending", "apologetic", "knowledgeable",
    "understanding", "helpful", "friendly", "lovely", "kind",
)  # fmt: skip
_DEEDS = (
    "told",
    "helped",
    "assured",
    "promised",
    "assisted",
    "informed",
    "emailed",
    "texted",
    "phoned",
    "explained",
    "rang",
)
ROLE_WORDS = (
    *(
        "driver",
        "courier",
        "technician",
        "engineer",
        "advisor",
        "adviser",
        "representative",
        "rep",
        "agent",
        "supervisor",
    ),
    *("fahrer", "mitarbeiter", "mitarbeiterin", "livreur", "conseiller", "conseillère", "repartidor"),
    *("entregador", "motorista", "corriere", "bezorger", "kurier", "colleague", "manager", "advisor", "trainer"),
    *(
        "receptionist",
        "nurse",
        "consultant",
        "dev",
        "developer",
        "dentist",
        "landlord",
        "tenant",
        "boss",
        "employee",
        "hire",
        "intern",
        "student",
        "guest",
        "patient",
    ),
)
_KIND_DEEDS = ("helped", "assisted", "assured", "rang")
CUE_WORDS = {
    **dict.fromkeys(_BEFORE_NAME, "cue"),
    **dict.fromkeys(("from", "vom", "von", "del", "dal", "du", "da", "van"), "origin"),
    "de": "particle",
    "at": "desk",
    **dict.fromkeys(("bey", "hanım", "efendi"), "honorific"),
    **dict.fromkeys(("here", "hier", "ici", "aquí", "qui", "aqui"), "here"),
    **dict.fromkeys(_MANNERS, "manner"),
    **dict.fromkeys(_DEEDS, "deed"),
    **dict.fromkeys(
        ("thanks", "thank", "thx", "merci", "danke", "gracias", "grazie", "obrigado", "obrigada", "cheers"), "thanks"
    ),
    **dict.fromkeys(
        ("wrote", "schrieb", "écrit", "escribió", "escreveu", "scritto", "schreef", "napisał", "skrev"), "quoted"
    ),
}
_OFFICE = re.compile(
    r"\S+ (?:the |your |our |tech(?:nical)? |customer |a )?(?:support|service|services|billing"
    r"|accounts?|sales|complaints"
    r"|returns|helpdesk|help desk|call cent(?:er|re)|team|cancellations|claims|retention|IT|HR"
    r"|branch|shop|store|customer care"
    r"|head office|kundenservice|kundendienst|support-team|service client|atención al cliente|soporte|assistenza"
    r"|servizio clienti|klantenservice|suporte|atendimento|biura obsługi|kundtjänst|accounting|finance|logistics|office"
    r"|reception|security|marketing|payroll|facilities)\b",
    re.IGNORECASE,
)
_DESK = re.compile(
    r"at (?:the|your) (?:front desk|reception|counter|till|check-?out|help ?desk|store|branch|shop|office|call cent)",
    re.IGNORECASE,
)
_LAST_NAME = re.compile(r"(?<![\w'’.-])(?P<name>[^\W\d_][\w'’-]+(?: [^\W\d_][\w'’-]+){0,2}),? $")
_WAS_BEFORE = re.compile(
    r" (?:was|is|has been)(?: (?:so|very|really|extremely|incredibly|absolutely|super|quite|too|also|just))* $"
)
_TO_ME = re.compile(r"\S+ (?:me|us|that|my|to)\b")
_THANKS = re.compile(r"\S+(?: you)?(?: (?:so much|very much|a lot|again))?(?:,| to| a)? ")
_AFTER_HERE = re.compile(r"[.,!\n]|$| (?:again|from|calling|with)\b")
_BEFORE_HERE = re.compile(r"(?:^|[.!?\n:] ?|\b(?:hi|hey|hello|its|it's|yes|hallo),? )$", re.IGNORECASE)
_LAST_WORD = re.compile(r"(?<![\w'’.-])(?P<name>[^\W\d_][\w'’-]+) $")
_CHARACTERS = 60


def named(text: str, anchor: Anchor) -> Name | None:
    """`a lady called Thandiwe`, `spoke to Rajneesh`, `was helped by Xiomara`."""
    before = _BEFORE_WORD.get(anchor.word)
    after = _AFTER_WORD[anchor.word].match(text, anchor.start)
    if after is None or (before and not before.search(text, max(anchor.start - _CHARACTERS, 0), anchor.start)):
        return None
    name = plausible(name_at(text, after.end()))
    if name is None and anchor.word == "through":
        word = word_at(text, after.end())
        return word if word and word.words[0].islower() and may_be_a_name(word.words[0]) else None
    following = WORD.match(text, name.end + 1) if name else None
    return None if following and following.group().casefold() in _OF_A_COMPANY else name


def with_a_role(text: str, anchor: Anchor) -> Name | None:
    """`the agent, Thandiwe, hung up`, `your technician Deshawn came late`."""
    role = _ROLE.match(text, anchor.start)
    name = plausible(name_at(text, role.end())) if role else None
    if role is None or name is None or (role["comma"] and not text.startswith(",", name.end)):
        return None
    return name if _AFTER_ROLE.match(text, name.end) else None


def thanked(text: str, anchor: Anchor) -> Name | None:
    """`thanks Siobhán and Tariq at the branch`."""
    said = _THANKS.match(text, anchor.start)
    if said is None:
        return None
    name = plausible(name_at(text, said.end())) or given_in_small_letters(text, said.end())
    return name if name and _THANKED_FOR.match(text, name.end) else None


def given_in_small_letters(text: str, position: int) -> Name | None:
    """A given name of the list in small letters, as chats and transcripts have it."""
    word = word_at(text, position)
    is_given = word and word.words[0].islower() and word.words[0].capitalize() in given_names()
    return word if word and is_given and may_be_a_name(word.words[0]) else None


def here(text: str, anchor: Anchor) -> Name | None:
    """`Bex here again`, at the beginning of a sentence or behind a greeting."""
    name = _before(text, anchor.start - 1) if _AFTER_HERE.match(text, anchor.end) else None
    return name if name and _BEFORE_HERE.search(text, max(name.start - 12, 0), name.start) else None


def companion_of(text: str, name: Name) -> Name | None:
    """The second of two names with an `and` between them."""
    conjunction = _AND.match(text, name.end)
    return plausible(name_at(text, conjunction.end())) if conjunction else None


def from_an_office(text: str, anchor: Anchor) -> Name | None:
    """`Rajneesh from support`."""
    if not _OFFICE.match(text, anchor.start):
        return None
    word = _LAST_WORD.search(text, max(anchor.start - _CHARACTERS // 2, 0), anchor.start)
    if word and word["name"].casefold() in NO_NAME and word["name"] in ambiguous_given_names():
        return Name(*word.span("name"), (word["name"],))
    return _before(text, anchor.start - 1)


def at_a_desk(text: str, anchor: Anchor) -> Name | None:
    """`Rajneesh at the front desk`."""
    return _before(text, anchor.start - 1) if _DESK.match(text, anchor.start) else None


def with_an_honorific(text: str, anchor: Anchor) -> Name | None:
    """`Tuncay Bey`."""
    return _before(text, anchor.start - 1) if text[anchor.start].isupper() else None


def of_a_manner(text: str, anchor: Anchor) -> Name | None:
    """`Deshawn was very rude`."""
    start = max(anchor.start - _CHARACTERS // 2, 0)
    was = _WAS_BEFORE.search(text, start, anchor.start)
    return _before(text, was.start()) if was else None


def of_a_deed(text: str, anchor: Anchor) -> Name | None:
    """`Grace told me`: a name that is a word too."""
    name = _before(text, anchor.start - 1) if _TO_ME.match(text, anchor.start) else None
    is_kind = anchor.word in _KIND_DEEDS
    return name if name and (is_kind or any(map(is_in_a_list, name.words))) else None


def of_a_quotation(text: str, anchor: Anchor) -> Name | None:
    """`Oliver Grant wrote:` above a quoted mail."""
    end = anchor.start - 1
    end -= 2 if text.endswith(" a", 0, end) else 3 if text.endswith((" ha",), 0, end) else 0
    name = _before(text, end)
    if name and len(name.words) > 1 and ":" in text[anchor.end : anchor.end + 3]:
        return name
    # `schrieb Oliver Grant:`
    name = plausible(name_at(text, anchor.end + 1))
    return name if name and len(name.words) > 1 and ":" in text[name.end : name.end + 3] else None


_OF_A_COMPANY = word_set(
    "bank mortgage loan loans llc inc ltd corp co services servicing collection"
    " collections credit financial insurance group broadband telecom energy"
    " airlines airways media networks systems recovery"
)


def plausible(name: Name | None) -> Name | None:
    """A name in which a word is in a list of names, or none is a word or a company."""
    if name is None or any(map(is_a_company, name.words)) or _OF_A_COMPANY & {word.casefold() for word in name.words}:
        return None
    long = [word for word in name.words if len(word) > 1 and not word.endswith(".")]
    is_known = any(map(is_in_a_list, long))
    is_unknown = all(map(may_be_a_name, long)) and not (name.words[0].isupper() and len(name.words[0]) < 6)
    return name if is_known or is_unknown else None


def _before(text: str, end: int) -> Name | None:
    """The plausible name that ends at a place."""
    last = _LAST_NAME.search(text[max(end - _CHARACTERS, 0) : end] + " ")
    if last is None:
        return None
    position = end - min(end, _CHARACTERS) + last.start("name")
    for _ in range(3):
        name = name_at(text, position)
        if name and name.end in (end, end - 1):
            return plausible(name)
        space = text.find(" ", position, end)
        if space < 0:
            return None
        position = space + 1
    return None
