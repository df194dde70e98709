"""What is taken out of a text, what stays, and that it takes no longer than reading."""

import pytest

from include.privacy.redact import Redactor, redact, redact_name
from tests.linear_time import LONG_TEXT, in_linear_time


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("mail jo.smith+x@mail.example.co.uk please", "mail <EMAIL_1> please"),
        ("Write to JO@EXAMPLE.COM.", "Write to <EMAIL_1>."),
        ("<jo@example.com>,ann@example.org", "<<EMAIL_1>>,<EMAIL_2>"),
        ("jürgen@müller.example", "<EMAIL_1>"),
        ("https://x.example/?mail=jo%40example.com&y=1", "https://x.example/?mail=<EMAIL_1>&y=1"),
        ("5551234567@example.com", "<EMAIL_1>"),
        ("jo&#64;example.com", "<EMAIL_1>"),
        ("jo[at]example[dot]com or jo {at} example.com", "<EMAIL_1> or <EMAIL_1>"),
    ],
)
def test_an_email_address_is_taken_out(text: str, redacted: str) -> None:
    assert redact(text) == redacted


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("4111111111111111", "<CARD_1>"),
        ("4111 1111 1111 1111 exp 12/26", "<CARD_1> exp 12/26"),
        ("4111-1111-1111-1111 123", "<CARD_1> 123"),
        ("my card 3782 822463 10005.", "my card <CARD_1>."),
        ("4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 thanks", "<CARD_1> thanks"),
        ("4111111111111111 5555555555554444", "<CARD_1> <CARD_2>"),
        ("1234 4111 1111 1111 1111", "1234 <CARD_1>"),
        ("visa4111111111111111", "visa<CARD_1>"),
        ("4111  1111  1111  1111", "<CARD_1>"),
        ("+44 7911 123456 4111 1111 1111 1111", "<PHONE_1> <CARD_1>"),
        ("٤١١١١١١١١١١١١١١١", "<CARD_1>"),
    ],
)
def test_a_payment_card_is_taken_out(text: str, redacted: str) -> None:
    assert redact(text) == redacted


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("DE89370400440532013000", "<IBAN_1>"),
        ("IBAN: DE89 3704 0044 0532 0130 00 and thanks", "IBAN: <IBAN_1> and thanks"),
        ("gb82 west 1234 5698 7654 32", "<IBAN_1>"),
        ("IBANDE89370400440532013000", "IBAN<IBAN_1>"),
        ("FR14 2004 1010 0505 0001 3M02 606, NL91ABNA0417164300", "<IBAN_1>, <IBAN_2>"),
        ("DE89370400440532013000 DE89370400440532013000", "<IBAN_1> <IBAN_1>"),
    ],
)
def test_an_iban_is_taken_out(text: str, redacted: str) -> None:
    assert redact(text) == redacted


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("from 192.168.10.25:8080.", "from <IP_1>:8080."),
        ("10.0.0.1, 10.0.0.2 and 10.0.0.1", "<IP_1>, <IP_2> and <IP_1>"),
        ("2001:db8::8a2e:370:7334", "<IP_1>"),
        ("[2001:0db8:85a3:0000:0000:8a2e:0370:7334]:443", "[<IP_1>]:443"),
        ("2001:db8:0:0:0:0:0:1 is 2001:db8::1", "<IP_1> is <IP_1>"),
        ("::ffff:192.168.1.1, 192.168.001.010", "<IP_1>, <IP_2>"),
    ],
)
def test_an_ip_address_is_taken_out(text: str, redacted: str) -> None:
    assert redact(text) == redacted


def test_a_social_security_number_of_the_united_states_is_taken_out() -> None:
    assert redact("My number is 123-45-6789.") == "My number is <NATIONAL_ID_1>."
    assert redact("order 9123-45-6789-1") == "order 9123-45-6789-1"
    assert redact("my social is 123 45 6789") == "my social is <NATIONAL_ID_1>"
    assert (
        redact("the last four of my SSN are 6789, since 1999")
        == "the last four of my SSN are <NATIONAL_ID_1>, since 1999"
    )


@pytest.mark.parametrize(
    "text",
    [
        "CPR 211062-5629",
        "fødselsnummer 151086 95088",
        "henkilötunnus 131052-308T",
        "AHV 756.9217.0769.85",
        "SVNR 1237 010180",
        "rijksregisternummer 85.07.30-033.28",
        "NIF 123 456 789",
        "T.C. kimlik no 17291716060",
        "TFN 123 456 782",
        "CNP 1630615123457",
        "710319/2745",
        "BOXW310820HNERXN09",
        "RUT 12.531.909-2",
    ],
)
def test_a_national_id_with_check_digits_is_taken_out(text: str) -> None:
    assert redact(text).endswith("<NATIONAL_ID_1>")


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("My PIN is either 3100 or 5380.", "My PIN is either <SECRET_1> or <SECRET_2>."),
        ("my pin is one two three four", "my pin is <SECRET_1>"),
        ("Your verification code is 482-913", "Your verification code is <SECRET_1>"),
        ('my password is "swordfish"', 'my password is "<SECRET_1>"'),
        ("account number? Sure, it's 123456789", "account number? Sure, it's <ACCOUNT_1>"),
        ("250 points in your account. With 1000 points more", "250 points in your account. With 1000 points more"),
        ("my birth date is July 15th, 1990", "my birth date is <BIRTHDATE_1>"),
        ("dob april 12 79", "dob <BIRTHDATE_1>"),
        ("agent: date of birth\ncaller: the 27th of the 9th 1979", "agent: date of birth\ncaller: the <BIRTHDATE_1>"),
        ("my number is 555-1234, order 555-1234", "my number is <PHONE_1>, order 555-1234"),
    ],
)
def test_what_is_called_personal_is_taken_out(text: str, redacted: str) -> None:
    assert redact(text) == redacted


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("wohne Berliner Platz 4, 80331 München", "wohne <ADDRESS_1>"),
        ("Kaiserring 12, 68161 Mannheim", "<ADDRESS_1>"),
        ("ul. Marszałkowska 12/4, 00-590 Warszawa", "<ADDRESS_1>"),
        ("Flat 3, 14 High Street, London SW1A 1AA", "<ADDRESS_1>"),
        ("i live at 12 main st", "i live at <ADDRESS_1>"),
        (
            "agent: your address\ncustomer: twenty two larkspur avenue norwich",
            "agent: your address\ncustomer: <ADDRESS_1>",
        ),
    ],
)
def test_a_postal_address_is_taken_out(text: str, redacted: str) -> None:
    assert redact(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "jo @ example",
        "@jo.smith on the forum",
        "4111 1111 1111 1112",
        "1700000000000",
        "DE88370400440532013000",
        "be20 minutes late for the party today",
        "Platz 3 in der Rangliste, Weg 5 ist frei, Ring 2 in Level 12",
        "In Spring 2018, Tampering 2 and Ordering 3",
        "we deliver in 5 minutes by the way",
        "credited to my account- at that point that is mine",
        "version 10.0.0.1 and v1.2.3.4",
        "Windows build 10.0.190.45",
        "300.1.1.1, 999.999.999.999 and 1.2.3.4.5",
        "std::vector and dead::beef",
        "10:20:30:40",
        "aa:bb:cc:dd:ee:ff",
        "550e8400-e29b-41d4-a716-446655440000",
        "e01757a7-ebba-4122-9a9f-90ee9de069c4 and 40926395-7212-8961-1296-75b39d936106",
        "ticket ec98-3704-4692-ba03 and a7-ebba-41",
        "https://store.example/?reviewid=gp:AOqPW9PW-dx0IGivUyBizKCJtOLkTMF78gMc and X9Kim5ewbvuSH",
        "e80e9bdd33eda593f16a1b6f2fb228ff",
        "2606213730650ca3755f97712d4a56",
        "",
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert redact(text) == text


def test_the_same_value_has_the_same_number_however_it_is_written() -> None:
    redactor = Redactor()
    assert redactor.redact("Jo@Example.com, ann@example.com") == "<EMAIL_1>, <EMAIL_2>"
    assert redactor.redact("ann@example.com") == "<EMAIL_2>"
    assert redactor.redact("4111 1111 1111 1111 = 4111-1111-1111-1111") == "<CARD_1> = <CARD_1>"
    assert redactor.redact("+44 7911 123456 or 07911 123456") == "<PHONE_1> or <PHONE_1>"


@pytest.mark.parametrize(
    ("name", "redacted"),
    [
        ("calls/Susan_Quill_2026-11-23.txt", "calls/<PERSON_1>_2026-11-23.txt"),
        ("4111_1111_1111_1111_refund.json", "<CARD_1>_refund.json"),
        ("+447911123456_2026_11_23.vtt", "<PHONE_1>_2026_11_23.vtt"),
        ("2026_11_23_10_11_12_0042.vtt", "2026_11_23_10_11_12_0042.vtt"),
    ],
)
def test_personal_data_in_a_files_name_is_taken_out(name: str, redacted: str) -> None:
    assert redact_name(name) == redacted


def test_a_placeholder_that_the_customer_wrote_does_not_use_up_the_numbers() -> None:
    assert redact("<EMAIL_999999> jo@example.com") == "<EMAIL_999999> <EMAIL_1>"


def test_numbers_follow_the_order_in_the_text() -> None:
    assert redact("b@example.com a@example.com b@example.com") == "<EMAIL_1> <EMAIL_2> <EMAIL_1>"


def test_redacting_twice_changes_nothing() -> None:
    once = redact("jo@example.com, +44 7911 123456, 4111 1111 1111 1111, 10.0.0.1, DE89370400440532013000")
    assert once == "<EMAIL_1>, <PHONE_1>, <CARD_1>, <IP_1>, <IBAN_1>"
    assert redact(once) == once


_DIGITS = [
    "1 ",
    "4 ",
    "4",
    "0",
    "1-",
    "1.",
    "4111 ",
    "0 1",
    "(0",
    "12-34-",
    "12 34 56 7",
    "123456789 ",
    "1/2/",
    "\u0661 ",
]
_SIGNS = ["((", "+", "+1 ", "+49 ", "00 1 ", "@", "%40", ".", "::", "::1 ", "1:", "1.2.3.4.", "- ", "1" * 22 + " "]
_LETTERS = ["a", "a@", "a@b.", "a%40", "a.", "fe80:", "aa11 ", "DE89 ", "DE89", "id order ", "order 1", "é", "x1", "1x"]


_WORDS = [
    *("name ", "name\n", "my name is ", "name? ", "customer: name\n", "Dear ", "Dear Anna\n", "Thanks\n", "thank you "),
    *(
        "speaking to ",
        "i'm ",
        "this is ",
        "From: ",
        "Mr ",
        "mr ",
        "my son ",
        "Anna ",
        "Anna de ",
        "A. ",
        "a: ",
        "<a@b.de> ",
    ),
    *("account ", "account is ", "account 1 ", "a/c\n", "password ", "code 1 ", "pin is the ", "digits on the back\n"),
    *(
        "born ",
        "born on ",
        "born second June nineteen ",
        "one ",
        "one two ",
        "double ",
        "hundred ",
        "oh one, ",
        "at ",
        "a dot ",
    ),
    *(
        "a at b dot ",
        "Street ",
        "1 Main Street ",
        "12 A ",
        "Rue de ",
        "Rue de la 1 ",
        "Lindenweg 1, ",
        "P.O. box 1 ",
        "1 rue ",
    ),
]


_NAMES = [
    *(
        "Anna-",
        "Anna-Bo-",
        "Anna's ",
        "O'",
        "Mme ",
        "XXXX ",
        "Le ",
        "Zed and ",
        "Zed from support ",
        "Zed was very rude ",
    ),
    *("thanks Zed ", "my name is zed ", "Zed told me ", "Zed here ", "Zed wrote:", "the agent, Zed, ", "**Zed:** x\n"),
    *("spell your name\na: a b c ", "spelt a b c ", "- Anna\n", "[10:22] Zed: c\n", "اسمي ", "我叫李", "名前は"),
    *("a\u0301", "\u0301", "\u200b", "e\u0301\u200b", "１", "\u200b1", "&#64;", "a [at] b [dot] "),
    *(
        "birth zwei mai ",
        "birth\na: twenty one ",
        "born zwanzig",
        "birth " + "einundzwanzig" * 9,
        "dob 1.1.",
        "d.o.b. ",
    ),
    *(
        "address is 1 a ",
        "address\na: one a ",
        "adresse weg 1 ",
        "Flat 1, ",
        "1 Aa Aa, Aa ",
        "Aa 1, 10115 ",
        "AB1 2CD ",
    ),
    *(
        "Aa Sokak No: 1 ",
        "Aa Mah. Bb Sok. ",
        "ul. Aa 1 m. 1 ",
        "Rue Aa 1, 2º ",
        "12345 Aa",
        "a as in b ",
        "b wie c at d dot ",
    ),
    *(
        "password for a b c d is ",
        "password a 1 b 2 ",
        "pin capital ",
        "code says ",
        "a one b two ",
        "one dot ",
        "iban d e ",
    ),
    *(
        "cinquante et ",
        "y uno ",
        "quatre vingt ",
        "cent ",
        "beş yüz ",
        "zwei und ",
        "11 22 33 44 55 66 77 88 ",
        "snabel-a ",
    ),
    *("birth\na: 1st of the ", "pin is 123 or ", 'password "a" ', "ssn 123 45 ", "1  ", "call 555 ", "::1.2.3.4 "),
    *("address twenty two a b road ", "live at one hundred ", "Am Alten Weg 1 ", "flat 1, 1 High Street ", "\n", " "),
]


@pytest.mark.slow
@pytest.mark.parametrize("unit", [*_DIGITS, *_SIGNS, *_LETTERS, *_WORDS, *_NAMES])
def test_a_hostile_text_takes_linear_time(unit: str) -> None:
    with in_linear_time():
        redact((unit * LONG_TEXT)[:LONG_TEXT])
