"""Whatever finds personal data, placeholders, patterns and columns work alike."""

import re
from collections.abc import Iterator

from include.privacy.engine import TAKEN, Finding
from include.privacy.policy import KINDS, RedactionPolicy
from include.privacy.redact import Redactor


class Stars:
    """An engine that takes words of stars for persons and of hashes for telephone numbers, and recalls what it read."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, text: str, kinds: frozenset[str], people: dict[str, str]) -> Iterator[Finding]:
        self.texts.append(text)
        for sign, kind in (("#", "PHONE"), (r"\*", "PERSON")):
            for found in re.finditer(rf"{sign}+", text):
                yield Finding(*found.span(), kind, found.group())


def test_another_engine_gives_the_same_placeholder_to_the_same_value_of_a_record() -> None:
    redactor = Redactor(engine=Stars())
    assert redactor.redact("** of *** rang ####") == "<PERSON_1> of <PERSON_2> rang <PHONE_1>"
    assert redactor.redact("*** again, Dana") == "<PERSON_2> again, Dana"


def test_another_engine_sees_no_placeholder_and_nothing_that_a_pattern_has_taken_out() -> None:
    engine = Stars()
    policy = RedactionPolicy(patterns={"ORDER": r"\bORD-\d+"})
    text = "ORD-7 of <PERSON_4> and ***"
    assert Redactor(policy, engine).redact(text) == "<ORDER_1> of <PERSON_4> and <PERSON_5>"
    assert engine.texts == [TAKEN * 5 + " of " + TAKEN * 10 + " and ***"]


def test_a_kind_that_is_not_wanted_stays_whatever_the_engine_finds() -> None:
    policy = RedactionPolicy(kinds=set(KINDS) - {"PHONE"})
    assert Redactor(policy, Stars()).redact("** rang ####") == "<PERSON_1> rang ####"


def test_of_two_findings_that_overlap_the_first_counts() -> None:
    def overlapping(text: str, kinds: frozenset[str], people: dict[str, str]) -> list[Finding]:
        return [Finding(3, 8, "PHONE", "b"), Finding(0, 5, "PERSON", "a"), Finding(9, 12, "PHONE", "c")]

    assert Redactor(engine=overlapping).redact("abcdefgh ijk") == "<PERSON_1>fgh <PHONE_1>"
