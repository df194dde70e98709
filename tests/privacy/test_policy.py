"""A pipeline says what is taken out of its texts."""

import re

import pytest

from include.errors import ConfigurationError
from include.privacy.policy import KINDS, RedactionPolicy, kinds_in
from include.privacy.redact import MAX_OUTPUT_CHARACTERS, Redactor, redact, redact_output

TEXT = "Mail ada@example.org or call +44 20 7946 0018 about ORD-00012345."


def test_all_kinds_are_on_without_a_policy() -> None:
    assert redact(TEXT) == "Mail <EMAIL_1> or call <PHONE_1> about ORD-00012345."


def test_a_kind_can_be_switched_off() -> None:
    policy = RedactionPolicy(kinds=set(KINDS) - {"PHONE"})
    assert redact(TEXT, policy) == "Mail <EMAIL_1> or call +44 20 7946 0018 about ORD-00012345."


def test_no_kinds_at_all_leave_the_text_as_it_is() -> None:
    assert redact(TEXT, RedactionPolicy(kinds=())) == TEXT


def test_a_company_adds_its_own_patterns() -> None:
    policy = RedactionPolicy(patterns={"ORDER": r"\bORD-\d{8}\b"})
    assert redact(TEXT, policy) == "Mail <EMAIL_1> or call <PHONE_1> about <ORDER_1>."


def test_without_persons_the_columns_with_their_names_stay_too() -> None:
    redactor = Redactor(RedactionPolicy(kinds=set(KINDS) - {"PERSON"}))
    assert redactor.redact("Ada Quill, ada@example.org", "author") == "Ada Quill, <EMAIL_1>"


def test_own_patterns_come_before_the_kinds() -> None:
    policy = RedactionPolicy(patterns={"DESK": r"\+44 20 7946 \d{4}"})
    assert redact(TEXT, policy) == "Mail <EMAIL_1> or call <DESK_1> about ORD-00012345."


def test_raw_output_is_redacted_as_the_pipeline_says() -> None:
    assert redact_output('{"who": "ada@example.org"}', RedactionPolicy(kinds=())) == '{"who": "ada@example.org"}'
    assert redact_output('{"who": "ada@example.org"}', RedactionPolicy()) == '{"who": "<EMAIL_1>"}'


def test_what_lies_across_the_end_of_a_long_output_is_redacted_before_the_cut() -> None:
    output = redact_output("x" * (MAX_OUTPUT_CHARACTERS - 12) + " 4111 1111 1111 1111 and more", RedactionPolicy())
    assert output.endswith("x <CARD_1> an")
    assert len(output) == MAX_OUTPUT_CHARACTERS


def test_a_person_column_becomes_a_placeholder_whole() -> None:
    redactor = Redactor(RedactionPolicy(person_columns=("seller",)))
    assert redactor.redact("the quiet shop", "seller") == "<PERSON_1>"


def test_a_name_in_a_column_is_the_same_person_in_the_text() -> None:
    redactor = Redactor()
    assert redactor.redact("My name is Ada Quill.") == "My name is <PERSON_1>."
    assert (
        redactor.redact("Thank you for writing, Ada Quill.", "developer_reply") == "Thank you for writing, <PERSON_1>."
    )


def test_a_name_of_a_column_is_taken_out_of_the_texts_that_follow() -> None:
    redactor = Redactor()
    assert redactor.redact("Quillon Brandt", "author") == "<PERSON_1>"
    assert redactor.redact("Dear all, Quillon is right.", "developer_reply") == "Dear all, <PERSON_1> is right."


def test_a_nickname_of_words_takes_no_words_out_of_other_texts() -> None:
    redactor = Redactor()
    assert redactor.redact("Will", "author") == "<PERSON_1>"
    assert redactor.redact("The Quiet Shop", "user_name") == "<PERSON_2>"
    assert redactor.redact("Will the Quiet Shop open?", "developer_reply") == "Will the Quiet Shop open?"


def test_a_first_name_in_the_text_is_the_person_of_the_column() -> None:
    redactor = Redactor()
    assert redactor.redact("It failed.\nRegards,\nQuillon") == "It failed.\nRegards,\n<PERSON_1>"
    assert redactor.redact("Quillon Brandt", "author") == "<PERSON_1>"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"kinds": ("EMAIL", "SHOE_SIZE")}, "there is no kind SHOE_SIZE"),
        ({"kinds": "EMAIL"}, "Make it a tuple"),
        ({"customer_id_columns": "user"}, "Make it a tuple"),
        ({"patterns": {"order": "x"}}, "cannot be named 'order'"),
        ({"patterns": {"EMAIL": "x"}}, "cannot be named 'EMAIL'"),
        ({"patterns": {"ORDER": "("}}, "is wrong"),
        ({"patterns": {"ORDER": r"(\w+)+x"}}, "repeats a repetition"),
        ({"patterns": {"ORDER": r"(\w+\s?)*x"}}, "repeats a repetition"),
        ({"patterns": {"ORDER": r"(?:a|aa)+x"}}, "repeats a repetition"),
        ({"patterns": {"ORDER": r"((a+)b)*x"}}, "repeats a repetition"),
        ({"patterns": {"ORDER": r"(?P<n>\d+,){8}x"}}, "repeats a repetition"),
        ({"patterns": {"ORDER": r"\d*"}}, "matches the empty text"),
    ],
)
def test_a_policy_that_cannot_work_says_so(settings: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(says)):
        RedactionPolicy(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "pattern", [r"(\d{4}-){3}\d{4}", r"[+*)(|]+x", r"(A|B)-\d+", r"\(\d+\)+", r"(?:AB)+\d{2,4}", r"[]|)]+x"]
)
def test_a_pattern_that_repeats_only_what_is_always_the_same_is_taken(pattern: str) -> None:
    assert RedactionPolicy(patterns={"ORDER": pattern}).patterns == {"ORDER": pattern}


def test_columns_are_named_as_in_the_source_or_as_in_the_records() -> None:
    policy = RedactionPolicy(person_columns=("Seller Name",), customer_id_columns=("Shopper-ID", "user"))
    assert policy.customer_id_columns == ("shopper_id", "user")
    assert Redactor(policy).redact("the quiet shop", "SELLER NAME") == "<PERSON_1>"
    assert Redactor(policy).redact("the quiet shop", "seller_name") == "<PERSON_1>"


def test_kinds_are_read_off_a_redacted_text() -> None:
    assert kinds_in("<PHONE_2> and <EMAIL_1> and <PHONE_1>, <b_1>") == ("EMAIL", "PHONE")
