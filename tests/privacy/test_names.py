"""Names of persons by what is said around them, and words that are no names."""

import pytest

from include.privacy.redact import Redactor, redact


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("I spoke with Rajneesh yesterday.", "I spoke with <PERSON_1> yesterday."),
        ("Rajneesh from support was rude.", "<PERSON_1> from support was rude."),
        ("The agent, Thandiwe, hung up.", "The agent, <PERSON_1>, hung up."),
        ("A lady called Thandiwe took care.", "A lady called <PERSON_1> took care."),
        ("I was helped by Thandiwe and Tariq.", "I was helped by <PERSON_1> and <PERSON_2>."),
        ("thanks Siobhán and Tariq at the branch", "thanks <PERSON_1> and <PERSON_2> at the branch"),
        ("Shout out to Deshawn!", "Shout out to <PERSON_1>!"),
        ("It failed.\nRegards, Thandiwe", "It failed.\nRegards, <PERSON_1>"),
        ("Great app! - Deshawn", "Great app! - <PERSON_1>"),
        ("Grace told me to wait.", "<PERSON_1> told me to wait."),
        ("I'm Dana Whitlock.", "I'm <PERSON_1>."),
        ("my name is dana whitlock, ok", "my name is <PERSON_1>, ok"),
        ("My mother's maiden name is Okafor.", "My mother's maiden name is <PERSON_1>."),
        ("agent: your name\ncustomer: Anne begum", "agent: your name\ncustomer: <PERSON_1>"),
        ("Oliver Grant wrote:\n> hello", "<PERSON_1> wrote:\n> hello"),
        ("O entregador Wellington foi grosso.", "O entregador <PERSON_1> foi grosso."),
        ("Fatura em nome de Iracema do Nascimento", "Fatura em nome de <PERSON_1>"),
        ("Anne-Sophie Le Guennec", "<PERSON_1>"),
        ("اسمي محمد علي", "اسمي <PERSON_1>"),
        ("私の名前は田中です", "私の名前は<PERSON_1>です"),
    ],
)
def test_a_name_is_found_by_what_is_said_around_it(text: str, redacted: str) -> None:
    assert redact(text) == redacted


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("agent: please spell your name\ncaller: k o w a l s k i", "agent: please spell your name\ncaller: <PERSON_1>"),
        ("It is spelled W-H-I-T-L-O-C-K.", "It is spelled <PERSON_1>."),
        (
            "agent: spell your full name\ncaller: Tango Oscar Mike",
            "agent: spell your full name\ncaller: <PERSON_1>",
        ),
    ],
)
def test_a_name_that_is_spelt_is_found(text: str, redacted: str) -> None:
    assert redact(text) == redacted


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("Susan's bill. Susan called.", "<PERSON_1>'s bill. <PERSON_1> called."),
        ("[10:22] Agent (Thandiwe): hi\n[10:23] Ana: oh\n", "[10:22] Agent (<PERSON_1>): hi\n[10:23] <PERSON_2>: oh\n"),
        ("Thandiwe: hi\nThandiwe: yes\nThandiwe: bye", "<PERSON_1>: hi\n<PERSON_1>: yes\n<PERSON_1>: bye"),
        ("my name is zbyszko\nokay Zbyszko", "my name is <PERSON_1>\nokay <PERSON_1>"),
    ],
)
def test_a_name_is_one_person_wherever_it_stands(text: str, redacted: str) -> None:
    assert redact(text) == redacted


def test_a_person_keeps_the_placeholder_when_the_family_name_comes_later() -> None:
    redactor = Redactor()
    assert redactor.redact("My name is Quillon.") == "My name is <PERSON_1>."
    assert redactor.redact("Best regards,\nQuillon Brandt", "developer_reply") == "Best regards,\n<PERSON_1>"


@pytest.mark.parametrize(
    "text",
    [
        "My name was XXXX XXXX and Mr. XXXX said so on XX/XX/XXXX.",
        "Ben bu oyunu yükledim, 900 Altın nedir? Ödül yok.",
        "King Robert is in trouble, hurricane Harvey too.",
        "The flight to San Francisco leaves from Beverly Hills.",
        "Turn right on Allison Road, after the Susan Hotel.",
        "Wendy's and Macy's are closed.",
        "I spoke with Experian, Chase and Support.",
        "I'm Irish. I'm Sorry. I'm Back!",
        "Will you mark my words? Grace period, May, Summer and Hope.",
        "The account holder without a card was told by Equifax.",
        "on behalf of Chase, Bay Equity refused",
        "Thanks, Amazon! Thanks Support. Cheers, Team",
        "agent: which name of the venue, please?\ncustomer: North Heights",
        "My Father Co-signed the loan.",
        "Goodbye. Good morning, everyone. Have a great Sunday!",
    ],
)
def test_words_that_are_no_names_stay(text: str) -> None:
    assert redact(text) == text
