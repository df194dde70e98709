"""Values that are known by the words before them, in ten languages, written and read aloud."""

import pytest

from include.privacy.redact import redact
from include.privacy.rules.number_words import digits_said


@pytest.mark.parametrize(
    ("said", "digits"),
    [
        ("sixty two fourteen oh nine", "621409"),
        ("double four triple one", "44111"),
        ("nine hundred five", "9005"),
        ("sechsundsiebzig null acht", "7608"),
        ("drei und vierzig zwölf", "4312"),
        ("soixante et onze quatre vingt douze zéro six", "719206"),
        ("soixante dix sept quatre vingts", "7780"),
        ("sesenta y dos veintinueve", "6229"),
        ("ventotto trentuno quarantatré", "283143"),
        ("vijfenveertig drieëntwintig", "4523"),
        ("trinta e sete vinte", "3720"),
        ("sześćset dwa pięćdziesiąt osiem", "60258"),
        ("tjugosju fyrtiofyra noll", "27440"),
        ("beş yüz kırk iki on bir", "54211"),
    ],
)
def test_numbers_in_words_are_read_as_their_digits(said: str, digits: str) -> None:
    assert digits_said(said.split()) == digits


@pytest.mark.parametrize(
    "number",
    [
        "five five five twenty two thirty one forty",
        "null eins sieben neun achtundzwanzig zwölf sechzig",
        "zéro six trente-trois quatre-vingt-quatre onze soixante-dix-huit",
        "seiscientos doce treinta y uno cuarenta y ocho diez",
        "tre due otto trentuno quarantasei zero cinque",
        "nul zes drieëndertig twaalf achtenzestig negentig",
        "vinte e um nove oito três dois cinquenta",
        "pięćset dwa sto jedenaście trzysta czterdzieści",
        "noll sjuttiotre femtiotvå arton trettionio",
        "beş yüz otuz iki dört yüz on iki altmış beş doksan",
    ],
)
def test_a_telephone_number_read_aloud_with_tens_is_taken_out(number: str) -> None:
    assert redact(f"so: {number}") == "so: <PHONE_1>"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("call area code three one two, five five five, oh one two six", "call <PHONE_1>"),
        ("visa 41 11 11 11 11 11 11 11", "visa <CARD_1>"),
        (
            "amex thirty seven eighty two eight two two four six three one zero zero zero five",
            "amex <CARD_1>",
        ),
        (
            "the iban d e acht neun drei sieben null vier null null vier vier null fünf drei zwei null"
            " eins drei null null",
            "the iban <IBAN_1>",
        ),
        ("agent: policy number?\ncaller: h k four four nine one two", "agent: policy number?\ncaller: <ACCOUNT_1>"),
        ("my ip is ninety two dot one eighty dot six dot eleven", "my ip is <IP_1>"),
    ],
)
def test_other_numbers_are_read_aloud_too(text: str, redacted: str) -> None:
    assert redact(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "it is version ten dot four dot two dot one",
        "from nineteen ninety eight to two thousand and five",
        "cuesta mil novecientos noventa y nueve euros",
        "seven six five four three two one",
        "ten nine eight seven six five four three two one",
        "quatre-vingt-dix-neuf mille euros et trente centimes",
        "two or three hundred people in twenty twenty five",
    ],
)
def test_other_numbers_in_words_stay(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    ("before", "date"),
    [
        ("D.O.B. ", "04/09/1983"),
        ("date of birth for the record: ", "2 May 1977"),
        ("a: your date of birth please\nb: um ", "oh four eleven eighty two"),
        ("a: and your birthday\nb: ", "the second of june eighty eight"),
        ("Geburtsdatum des Kindes: ", "03.07.2014"),
        ("Eva, geb. am ", "7. Oktober 1969"),
        ("a: wann sind sie geboren\nb: ", "der vierte mai neunundsechzig"),
        ("née ", "le 12 avril 1981"),
        ("a: date de naissance\nb: ", "le neuf mars mille neuf cent soixante-douze"),
        ("F. nac.: ", "09/12/1964"),
        ("a: su fecha de nacimiento\nb: ", "el tres de enero de mil novecientos noventa"),
        ("nato ", "il 4 giugno 1955"),
        ("a: data di nascita?\nb: ", "diciotto luglio millenovecentosessantuno"),
        ("Geboortedatum klopt niet, dat is ", "11 maart 1990"),
        ("a: uw geboortedatum\nb: ", "vijfentwintig april negentienhonderdvierenzeventig"),
        ("Data de nasc.: ", "30/08/2001"),
        ("a: data de nascimento\nb: ", "vinte e cinco de maio de mil novecentos e oitenta e um"),
        ("Anna, ur. ", "9 maja 1985"),
        ("a: data urodzenia\nb: ", "szósty czerwca tysiąc dziewięćset siedemdziesiątego"),
        ("a: födelsedatum\nb: ", "den sjätte augusti nittonhundrafemtiotre"),
        ("dob ", "030791"),
        ("née à Nantes ", "le 4 juin 1968"),
        ("sono nato a Bari il ", "9/7/1961"),
        ("Doğum tarihim ", "08.02.1992"),
        ("a: doğum tarihiniz\nb: ", "yedi ekim bin dokuz yüz altmış iki"),
    ],
)
def test_a_date_of_birth_is_taken_out_in_figures_and_in_words(before: str, date: str) -> None:
    redacted = redact(before + date)
    assert redacted.endswith("<BIRTHDATE_1>")
    assert not set(date.replace("le ", "").replace("il ", "").split()) & set(redacted[len(before) :].split())


@pytest.mark.parametrize(
    "text",
    [
        "I was born in a small town in May, 20 years ago we moved",
        "Happy birthday! The offer ends on 12.05.2024",
        "der Vertrag wurde am 03.07.2014 geschlossen",
        "an offer is born: 3 for 2",
        "d 12.05.2024 o b",
    ],
)
def test_other_dates_stay(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    ("before", "secret"),
    [
        ("My recovery code is ", "H4TT-88QK"),
        ("The password for our shared drive is ", "Maple!Otter_7"),
        ("a: is there a gate code\nb: yes it's ", "seven seven two oh"),
        ("the one time code says ", "four one nine oh two two"),
        ("my memorable word is ", "sandcastle"),
        ("the wifi password is ", "capital k r four four fern"),
        ("a: what's your memorable word\nb: it's ", "sandcastle"),
        ("security code on the back is ", "338"),
        ("a: welchen code haben sie bekommen\nb: ", "vier acht eins zwei"),
        ("my api key ", "sk-7c1D9a2B4f6E"),
        ("Sicherheitscode: ", "4821"),
        ("das passwort lautet ", "groß h u n d sieben"),
        ("le mot de passe provisoire ", "tilleul-4410"),
        ("code de vérification : ", "559102"),
        ("la contraseña temporal ", "Nube#81"),
        ("la clave de acceso es ", "cuatro uno uno nueve"),
        ("il codice di sicurezza è ", "772"),
        ("het wachtwoord is ", "Kaasplank44"),
        ("o código de segurança é ", "6120"),
        ("kod do bramy ", "2298"),
        ("hasło tymczasowe: ", "Sowa#311"),
        ("a: engångskoden du fick\nb: ", "sju ett ett nio"),
        ("lösenordet är ", "Granbarr55"),
        ("doğrulama kodunuz ", "771204"),
    ],
)
def test_a_secret_is_taken_out_after_its_name(before: str, secret: str) -> None:
    assert redact(before + secret) == f"{before}<SECRET_1>"


@pytest.mark.parametrize(
    "text",
    [
        "the password is wrong",
        "password must be 8 characters",
        "I changed my password 3 times today",
        "it wants a new PIN, what do I do",
        "How do I reset my passcode?",
        "the code is not working",
        "my security answer is not accepted",
    ],
)
def test_talk_about_a_secret_stays(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "Müşteri numaram 5521 0098",
        "üyelik numarası 8812 34",
        "numer umowy to 77120934",
        "mitt kundnummer är 5512 8890",
        "numero di polizza 7781234",
        "Versichertennummer A 778 123",
        "n° de client 99812345",
        "Kd.-Nr. 5512009",
        "frequent flyer number BX5512009",
        "número de socio: 55-1882",
        "contractnummer is 7781 2234",
        "agent: kundennummer\nkunde: moment ähm sieben acht eins vier neun",
    ],
)
def test_an_account_is_named_in_ten_languages(text: str) -> None:
    assert redact(text).endswith("<ACCOUNT_1>")


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("it's k as in kite dot moss at gmail dot com", "it's <EMAIL_1>"),
        ("p wie paula punkt roth ät web punkt de", "<EMAIL_1>"),
        ("elin punkt ek snabel-a telia punkt se", "<EMAIL_1>"),
        ("ewa kropka lis małpa wp kropka pl", "<EMAIL_1>"),
        ("can nokta er et işareti gmail nokta com", "<EMAIL_1>"),
        ("l trattino basso riva chiocciola libero punto it", "<EMAIL_1>"),
    ],
)
def test_a_spelt_address_is_taken_out(text: str, redacted: str) -> None:
    assert redact(text) == redacted


@pytest.mark.parametrize(
    "address",
    [
        "Unit 4, 18 Banksia Street\nHobart TAS 7000",
        "9 Mill Bank, Otley LS21 3AB",
        "18 The Paddocks, Leeds LS7 3QD",
        "Apt 4B, 220 W 98th Street, New York, NY 10025",
        "7 Birch Ave\nSpringfield, IL 62704",
        "Flat 2/1, 45 Byres Road, Glasgow G12 8QQ",
        "P.O. Box 771, Leeds LS1 4AB",
        "Im Bühl 7, 79100 Freiburg",
        "An der Mühle 4, 01067 Dresden",
        "Schulgasse 3/2/14, 1010 Wien",
        "Viale Monza 12/B - 20127 Milano",
        "Travessa do Carmo, nº 8, 2º Dto, 1200-095 Lisboa",
        "Rosenstr. 12a\n50667 Köln",
        "12 bis, rue de la Paix, 75002 Paris",
        "Calle Olmo 14, 2.º C, 29007 Málaga",
        "C/ Sauce 3, 46001 Valencia",
        "Via Garibaldi 12 int. 4, 20121 Milano",
        "Keizersgracht 12-3, 1015 CJ Amsterdam",
        "Rua do Sol, 88, apto 12, 01310-200 São Paulo",
        "ul. Długa 5 m. 12, 80-831 Gdańsk",
        "al. Jerozolimskie 44/12, 00-024 Warszawa",
        "Storgatan 14 lgh 1102, 111 22 Stockholm",
        "Lale Sokak No: 4 Daire: 7, 34710 Kadıköy/İstanbul",
        "Atatürk Cad. No: 12/5, 06420 Çankaya/Ankara",
    ],
)
def test_a_written_address_is_taken_out_with_flat_postcode_and_town(address: str) -> None:
    assert redact(f"Neu: {address}.") == "Neu: <ADDRESS_1>."


@pytest.mark.parametrize(
    ("before", "address"),
    [
        ("send it to ", "four oh nine willow bend court apartment three b"),
        ("a: the first line of your address\nb: ", "sixteen harlow road derby d e one two q t"),
        ("we moved to ", "six hundred and four cedar lane"),
        ("deliver to ", "9 the green, bath ba1 5lw"),
        ("ich wohne im ", "birkenweg 9 in 53111 bonn"),
        ("a: à quelle adresse\nb: ", "3 ter rue des lilas 69003 lyon"),
        ("vivo en ", "calle mayor doce segundo b madrid"),
        ("abito in ", "via garibaldi ventidue a torino"),
        ("moro na ", "rua das flores quarenta e dois"),
        ("ik woon op ", "de kerkstraat veertien in utrecht"),
        ("adres to ", "lipowa 12 mieszkanie 4 łódź"),
        ("jag bor på ", "storgatan fjorton i lund"),
        ("adresim ", "lale sokak numara sekiz daire beş kadıköy"),
    ],
)
def test_an_announced_address_in_small_letters_is_taken_out(before: str, address: str) -> None:
    redacted = redact(before + address)
    assert redacted.endswith("<ADDRESS_1>")
    assert redacted.split() == [word for word in redacted.split() if word in before or word == "<ADDRESS_1>"]


@pytest.mark.parametrize(
    "text",
    [
        "I live 5 minutes away from the road",
        "send it to my house 2 streets away",
        "my address has not changed in 20 years",
        "delivered 3 days late to the wrong street",
        "the ip address was blocked 2 times on the way",
        "caller: the green one",
        "see 15 U.S.C. Sections 1681",
        "Bestellung 4412, 50968 Köln ist schön",
    ],
)
def test_talk_about_places_stays(text: str) -> None:
    assert redact(text) == text
