"""Names of persons by what is said around them, and words that are no names."""

import pytest

from include.privacy.redact import Redactor, redact
from tests.linear_time import LONG_TEXT, in_linear_time


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
        ("Thanks Quenbrook for the quick reply", "Thanks <PERSON_1> for the quick reply"),
        ("It failed.\nRegards, Thandiwe", "It failed.\nRegards, <PERSON_1>"),
        ("Great app! - Deshawn", "Great app! - <PERSON_1>"),
        ("I'm Dana Whitlock.", "I'm <PERSON_1>."),
        ("my name is dana whitlock, ok", "my name is <PERSON_1>, ok"),
        ("My mother's maiden name is Okafor.", "My mother's maiden name is <PERSON_1>."),
        ("agent: your name\ncustomer: Anne begum", "agent: your name\ncustomer: <PERSON_1>"),
        ("Oliver Grant wrote:\n> hello", "<PERSON_1> wrote:\n> hello"),
        ("At 6:50 PM Oliver Grant wrote:\n> hi", "At 6:50 PM <PERSON_1> wrote:\n> hi"),
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
        ("agent: this is zulqarnaye from billing", "agent: this is <PERSON_1> from billing"),
        ("customer: it's zulqarnaye again", "customer: it's <PERSON_1> again"),
        ("agent: you're speaking with tamsyn", "agent: you're speaking with <PERSON_1>"),
        ("can you put me through to lubomirek please", "can you put me through to <PERSON_1> please"),
        ("transfer me to zulqarnaye in returns", "transfer me to <PERSON_1> in returns"),
        ("i was helped by zulqarnaye.", "i was helped by <PERSON_1>."),
        ("my husband karl-ottfried is ill", "my husband <PERSON_1> is ill"),
        ("a driver called zulqarnaye was rude", "a driver called <PERSON_1> was rude"),
        ("the surname's ó ceallaigh", "the surname's <PERSON_1>"),
        ("agent: okay ms thibodeaux", "agent: okay ms <PERSON_1>"),
        ("klant: met mevrouw van den abbeele", "klant: met mevrouw <PERSON_1>"),
        ("yesterday meredith said it was fine", "yesterday <PERSON_1> said it was fine"),
        ("make a payment to quillana martell", "make a payment to <PERSON_1>"),
        ("It broke. regards meredith", "It broke. regards <PERSON_1>"),
        ("TELL JOSEPHINE IN SALES", "TELL <PERSON_1> IN SALES"),
    ],
)
def test_a_name_in_small_letters_or_capitals_is_found(text: str, redacted: str) -> None:
    assert redact(text) == redacted


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("operatore: come si chiama\ncliente: gaudenzio", "operatore: come si chiama\ncliente: <PERSON_1>"),
        ("konsultant: imię i nazwisko\nklient: gniewomir", "konsultant: imię i nazwisko\nklient: <PERSON_1>"),
        ("agent: your last name\ncaller: a b e r n e t h y", "agent: your last name\ncaller: <PERSON_1>"),
        ("Sure, first name Quenby.", "Sure, first name <PERSON_1>."),
        ("müşteri: adım tandoğmuş", "müşteri: adım <PERSON_1>"),
    ],
)
def test_the_answer_to_the_question_for_a_name_is_found(text: str, redacted: str) -> None:
    assert redact(text) == redacted


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("Beste Wietse,\nhet werkt niet.", "Beste <PERSON_1>,\nhet werkt niet."),
        ("Cześć Gniewomir,\nnie działa", "Cześć <PERSON_1>,\nnie działa"),
        ("Gentile Sig.ra Bevilaqua,\nsalve", "Gentile Sig.ra <PERSON_1>,\nsalve"),
        ("Sorun var.\nSaygılarımla,\nTuncalp Aksakalı", "Sorun var.\nSaygılarımla,\n<PERSON_1>"),
        ("Nie działa.\nZ poważaniem\nGniewomir Król", "Nie działa.\nZ poważaniem\n<PERSON_1>"),
        ("Kind regards\nQuenby Strachan | Acme GmbH", "Kind regards\n<PERSON_1> | Acme GmbH"),
        ("Hi, it fails.\n\nQuenby", "Hi, it fails.\n\n<PERSON_1>"),
        ("It fails.\nthx,\nquenby", "It fails.\nthx,\n<PERSON_1>"),
    ],
)
def test_a_name_of_a_letter_is_found(text: str, redacted: str) -> None:
    assert redact(text) == redacted


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("Quenby: hi\nCustomer: oh\nQuenby: yes", "<PERSON_1>: hi\nCustomer: oh\n<PERSON_1>: yes"),
        ("Assigned to: Quenby Strachan", "Assigned to: <PERSON_1>"),
    ],
)
def test_whom_people_deal_with_is_found(text: str, redacted: str) -> None:
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


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["my husband ", "Ben & Jerry é ", "harriet van der ", "J. de ", "regards\n", "Ann & "])
def test_names_of_a_hostile_text_take_linear_time(unit: str) -> None:
    with in_linear_time():
        redact((unit * LONG_TEXT)[:LONG_TEXT])


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
        'try "Darcy\'s" in the search',
        "I spoke with Experian, Chase and Support.",
        "I'm Irish. I'm Sorry. I'm Back!",
        "Will you mark my words? Grace period, May, Summer and Hope.",
        "The account holder without a card was told by Equifax.",
        "on behalf of Chase, Bay Equity refused",
        "Thanks, Amazon! Thanks Support. Cheers, Team",
        "agent: which name of the venue, please?\ncustomer: North Heights",
        "My Father Co-signed the loan.",
        "Goodbye. Good morning, everyone. Have a great Sunday!",
        "Kate Spade bags, Ted Baker shirts, Freddie Mercury songs",
        "Ordered from Ben & Jerry's and Russell & Bromley Ltd",
        "Does the Vivian armchair fit? The Albert lamp did.",
        "Bei Dieter und chez Paulette ist es billiger",
        "Let me play as Ronan again",
        "My Agnes playlist and the Edgar tumbler are gone",
        "Gisela und Anton sind meine Spielfiguren",
        "meet me at king edwin street",
        "it's sweltering in here. this is ridiculous from start to finish",
        "my wife uploads the photos, ask for reimbursement.",
        "put me through to technical, transfer me to billing.",
        "we lag at 380 ms ping",
        "see leah4sci.com or www.meredith.org",
        "the HAMP programme",
        "Storm Eunice hit us below Big Ben",
        "Guten Tag, Deniz manzarası harika",
    ],
)
def test_words_that_are_no_names_stay(text: str) -> None:
    assert redact(text) == text
