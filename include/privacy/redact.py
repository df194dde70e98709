"""Take personal data out of the texts of a record before anything is stored or sent. See README.md."""

import re

from include.privacy.engine import TAKEN, Engine, Finding, take
from include.privacy.policy import PLACEHOLDER, RedactionPolicy
from include.privacy.rules.find import find_by_rules
from include.privacy.rules.people import know_speaker, person_in_column
from include.privacy.rules.speakers import person_of_speaker
from include.privacy.search_text import search_text
from include.text.clean import clean_text
from include.text.columns import column_name

# What a model says beyond it is not worth keeping.
MAX_OUTPUT_CHARACTERS = 20_000
# So many more are read, for half of a number would not be known for one.
CUT_CHARACTERS = 200
# Whoever writes `<EMAIL_999999>` shall not make us write numbers that are no placeholders any more.
HIGHEST_NUMBER = 99_999
_UUID = re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE)
DASHES_OF_UUID = 4
_KINDS_WITH_UNDERSCORES = frozenset({"PERSON", "CARD"})
_DEFAULT_POLICY = RedactionPolicy()


def redact(text: str, policy: RedactionPolicy = _DEFAULT_POLICY) -> str:
    """A text by itself; see `Redactor`."""
    return Redactor(policy).redact(text)


def redact_name(name: str) -> str:
    """The name of a file as it may be stored.

    To the searches an underscore is a letter, so what stands between two is redacted by itself; `Susan_Quill` and
    `4111_1111_1111_1111` are read as if there were spaces. Other numbers are not, because times are written so too.
    """
    return Redactor().redact_name(clean_text(name))


def redact_output(text: str, policy: RedactionPolicy) -> str:
    """What a model said, as it is kept for people to look at: cleaned, cut and redacted, for models invent too."""
    return redact(clean_text(text[: MAX_OUTPUT_CHARACTERS + CUT_CHARACTERS]), policy)[:MAX_OUTPUT_CHARACTERS]


class Redactor:
    """Redacts the texts of one record: the same value gets the same placeholder in all of them.

    The values themselves are forgotten with the redactor; nothing stores which placeholder stands for what.

    Args:
        policy: what the pipeline wants taken out.
        engine: what finds it, see `engine.py`.
    """

    def __init__(self, policy: RedactionPolicy = _DEFAULT_POLICY, engine: Engine = find_by_rules) -> None:
        self._policy = policy
        self._kinds = frozenset(policy.kinds)
        self._engine = engine
        self._placeholders: dict[tuple[str, str], str] = {}
        self._count: dict[str, int] = {}
        self._people: dict[str, str] = {}

    def redact(self, text: str, label: str = "") -> str:
        """The text with `<EMAIL_1>`, `<PERSON_2>` and so on for what was found.

        Args:
            text: cleaned by `clean_text`. Redacting twice changes nothing.
            label: name of the column, if it is not the record's text: digits in `order_id` are no telephone number.
        """
        if label and text and self.is_of_a_person(column_name(label)):
            return self._placeholder(self._person(text))
        prefix = f"{label.replace('_', ' ')}: " if label else ""
        view = search_text(text)
        findings = [
            Finding(*view.span(max(found.start - len(prefix), 0), found.end - len(prefix)), found.kind, found.key)
            for found in self._find_all(prefix + view.text)
            if found.end > len(prefix)
        ]
        parts, position = [], 0
        for finding in sorted(findings):
            parts += [text[position : finding.start], self._placeholder(finding)]
            position = finding.end
        return "".join([*parts, text[position:]])

    def is_of_a_person(self, column: str) -> bool:
        """Whether a column, or what stands in one under a name, holds nothing but a person's name.

        Args:
            column: such as `author`, `customer_name` or `customer_first_name`, whose end says it.
        """
        is_named = column.endswith(tuple(f"_{name}" for name in self._policy.person_columns))
        return "PERSON" in self._policy.kinds and (is_named or column in self._policy.person_columns)

    def speaker(self, label: str) -> str:
        """Who speaks, as a format of transcripts names him: a role as it is, and instead of a name its placeholder."""
        view = search_text(label)
        is_address = any(finding.kind != "PERSON" for finding in self._find_all(view.text))
        person = None if is_address or "PERSON" not in self._policy.kinds else person_of_speaker(label)
        if person is None:
            return self.redact(label)
        start, end = person
        key = know_speaker(label[start:end], self._people)
        return label[:start] + self._placeholder(Finding(start, end, "PERSON", key)) + label[end:]

    def redact_name(self, name: str) -> str:
        """See the function of that name."""
        view = search_text(name.replace("_", " "))
        parts, position = [], 0
        for finding in sorted(self._find_all(view.text)):
            if finding.kind in _KINDS_WITH_UNDERSCORES:
                start, end = view.span(finding.start, finding.end)
                parts += [self._between_underscores(name[position:start]), self._placeholder(finding)]
                position = end
        return "".join([*parts, self._between_underscores(name[position:])])

    def _between_underscores(self, name: str) -> str:
        return "_".join(self.redact(part) for part in name.split("_"))

    def _person(self, name: str) -> Finding:
        return Finding(0, len(name), "PERSON", person_in_column(search_text(name).text, self._people))

    def _find_all(self, text: str) -> list[Finding]:
        """All findings; none overlaps another."""
        if "<" in text:
            text = self._without_placeholders(text)
        if text.count("-") >= DASHES_OF_UUID:
            # One in a thousand would pass for the number of a card or a telephone.
            text = _UUID.sub(lambda uuid: TAKEN * len(uuid.group()), text)
        findings: list[Finding] = []
        for kind, pattern in self._policy.patterns.items():
            said = (match for match in re.finditer(pattern, text) if match.group())
            found, text = take(text, (Finding(*match.span(), kind, match.group()) for match in said), frozenset({kind}))
            findings += found
        return findings + take(text, self._engine(text, self._kinds, self._people), self._kinds)[0]

    def _without_placeholders(self, text: str) -> str:
        """The text with its placeholders hidden; new ones are counted from the highest of them on."""
        for placeholder in PLACEHOLDER.finditer(text):
            kind, number = placeholder.groups()
            if int(number) <= HIGHEST_NUMBER:
                self._count[kind] = max(self._count.get(kind, 0), int(number))
        return PLACEHOLDER.sub(lambda placeholder: TAKEN * len(placeholder.group()), text)

    def _placeholder(self, finding: Finding) -> str:
        identity = (finding.kind, finding.key)
        if identity not in self._placeholders:
            self._count[finding.kind] = self._count.get(finding.kind, 0) + 1
            self._placeholders[identity] = f"<{finding.kind}_{self._count[finding.kind]}>"
        return self._placeholders[identity]
