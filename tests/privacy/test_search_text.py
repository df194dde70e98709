"""Personal data is found however its characters are written, and the rest of the text stays as it was."""

import pytest

from include.privacy.redact import Redactor, redact
from include.privacy.search_text import search_text


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("4111\u200b1111\u200b1111\u200b1111", "<CARD_1>"),
        ("4111\u202f1111\u202f1111\u202f1111", "<CARD_1>"),
        ("４１１１ １１１１ １１１１ １１１１", "<CARD_1>"),
        ("DE89\u00a03704\u00a00044\u00a00532\u00a00130\u00a000", "<IBAN_1>"),
        ("ＤＥ８９３７０４００４４０５３２０１３０００", "<IBAN_1>"),
        ("+44\u202f7911\u202f123456", "<PHONE_1>"),
        ("07911\u2011123\u2011456", "<PHONE_1>"),
        ("＋٤٤٧٩١١١٢٣٤٥٦", "<PHONE_1>"),
        ("123\u201345\u20136789", "<NATIONAL_ID_1>"),
        ("jo@exam\u00adple.com", "<EMAIL_1>"),
        ("１９２.１６８.１.１", "<IP_1>"),
        ("My name is Jose\u0301 Garci\u0301a.", "My name is <PERSON_1>."),
        ("My name is D\u200bana \u202eWhitlock\u202c", "My name is <PERSON_1>"),
    ],
)
def test_no_way_of_writing_hides_personal_data(text: str, redacted: str) -> None:
    assert redact(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "Cafe\u0301 \u202e\u0645\u0631\u062d\u0628\u0627\u202c １２３ \u200b…",
        "👩‍👩‍👧 ok\ufe0f",
        "e\u0301\u0302\u0303\u0304",
    ],
)
def test_what_is_not_taken_out_keeps_its_characters(text: str) -> None:
    assert redact(text) == text
    assert redact(f"{text} jo@example.com {text}") == f"{text} <EMAIL_1> {text}"


def test_a_name_with_bare_accents_is_the_same_person() -> None:
    redactor = Redactor()
    assert redactor.redact("My name is José García.") == "My name is <PERSON_1>."
    assert redactor.redact("Jose\u0301 Garci\u0301a", "author") == "<PERSON_1>"


def test_a_view_says_where_its_characters_stand_in_the_text() -> None:
    view = search_text("a\u200be\u0301\u0302b")
    assert view.text == "aéb"
    assert [view.span(i, i + 1) for i in range(3)] == [(0, 2), (2, 5), (5, 6)]
