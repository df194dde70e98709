"""Personal data that the structure of a source hides, or names: markup, nested columns, speakers, other scripts."""

from pathlib import Path
from typing import Any

import pytest

from include.privacy.redact import redact
from include.sources.markup import plain_text
from include.sources.record import Record, UnreadableRecord
from tests.sources.reading import read_lines, read_record

LEAKS = ("Qvarnholt", "Tjorven", "tjorven", "0171", "4111", "ida.holm")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Hello,&nbsp;it&#39;s Ida &amp; Co &lt;3", "Hello,\xa0it's Ida & Co <3"),
        ("<p>Hi <b>Ana</b>&nbsp;Lopez</p>", "Hi Ana Lopez"),
        ("<div>Main St 5<br>Berlin</div><p>Bye</p>", "Main St 5\nBerlin\nBye"),
        ("<table><tr><td>Name</td><td>Ida</td></tr><tr><td>Age</td><td>7</td></tr></table>", "Name Ida\nAge 7"),
        ("a<br/><br>\nb", "a\n\nb"),
        ("<style>p {color: red}</style>Hi<script>alert(1)</script>", "Hi"),
        ('<a href="mailto:ida@example.com">mail me</a>', "mail me"),
        ("&lt;p&gt;Hi&lt;/p&gt;", "Hi"),
        ("&amp;nbsp;Hi", "Hi"),
        ("I <3 it, 2 < 3 > 1, List<String>, <PERSON_1>", "I <3 it, 2 < 3 > 1, List<String>, <PERSON_1>"),
        ("<b>Ida</b> <ida@example.com> wrote", "Ida <ida@example.com> wrote"),
        ("AT&T, R&D; a&copy=1", "AT&T, R&D; a&copy=1"),
        ("line one\nline <i>two</i>", "line one\nline two"),
        ("my notes show up with <br> tags in them", "my notes show up with <br> tags in them"),
        ("<b>Nice.</b> It shows <br> tags", "Nice. It shows <br> tags"),
        ("Hello<br>it is late", "Hello\nit is late"),
    ],
)
def test_markup_is_read_as_a_person_reads_it_and_all_else_stays(written: str, read: str) -> None:
    assert plain_text(written) == read


@pytest.mark.parametrize("text", ["<div>" * 100_000, "<b " * 300_000, "&a" * 300_000, "<p>x</p>\n" * 50_000])
def test_markup_that_is_made_to_be_slow_is_read_all_the_same(text: str) -> None:
    assert len(plain_text(text)) <= len(text)


@pytest.mark.parametrize(
    "text",
    [
        "My number is 0171&nbsp;555&nbsp;0123",
        "write to ida.holm&#64;example.com",
        "write to ida.holm<span>@</span>example.com",
        "card 4111<b>1111</b>1111<i></i>1111",
        "<p>Hello,<br>my name is <b>Tjorven</b> <b>Qvarnholt</b></p>",
        "my name is Tjorven&nbsp;Qvarnholt",
    ],
)
def test_markup_hides_nobody_in_texts_attributes_and_unreadable_rows(tmp_path: Path, text: str) -> None:
    good, bad = read_lines(tmp_path, {"id": "1", "text": text, "note": text}, {"text": text})
    assert isinstance(good, Record) and isinstance(bad, UnreadableRecord)
    assert not any(leak in repr([good, bad]) for leak in LEAKS)


def test_a_text_of_markup_alone_is_empty(tmp_path: Path) -> None:
    (row,) = read_lines(tmp_path, {"id": "1", "text": "<p>&nbsp;</p>"})
    assert isinstance(row, UnreadableRecord)
    assert row.error_type == "empty_text"


def test_markup_changes_no_version(tmp_path: Path) -> None:
    """Records of a lake from before markup was read are not asked about again."""
    assert read_record(tmp_path, {"text": "Ida&#39;s"}).record_version == "a6b6889f9494"
    assert read_record(tmp_path, {"turns": [{"role": "a", "text": "b\nc"}]}).record_version == "9fdde6faf536"


@pytest.mark.parametrize(
    "columns",
    [
        {"customerName": "Tjorven Qvarnholt"},
        {"CustomerName": "Tjorven Qvarnholt"},
        {"customer.name": "Tjorven Qvarnholt"},
        {"customer": {"name": "Tjorven Qvarnholt"}},
        {"customer": {"Name": "Tjorven Qvarnholt", "tier": "gold"}},
        {"ticket": {"requester": {"name": "Tjorven Qvarnholt"}}},
        {"customer": {"firstName": "Tjorven", "last_name": "Qvarnholt"}},
        {"users": [{"fullName": "Tjorven Qvarnholt"}]},
        {"billing_first_name": "Tjorven", "billing_last_name": "Qvarnholt"},
    ],
)
def test_whom_a_column_names_however_it_is_written_is_known_in_the_whole_record(
    tmp_path: Path, columns: dict[str, Any]
) -> None:
    record = read_record(tmp_path, {"text": "the order of Tjorven went to qvarnholt, says Qvarnholt", **columns})
    assert "Tjorven" not in repr(record) and "Qvarnholt" not in repr(record)


@pytest.mark.parametrize("name", ["createdAt", "CreatedAt", "created.at", "Created At", "created_at"])
def test_a_time_is_read_under_any_spelling_of_its_column(tmp_path: Path, name: str) -> None:
    record = read_record(tmp_path, {"text": "Late.", name: "2026-11-01T10:00:00Z"})
    assert record.is_dated and record.occurred_at.isoformat() == "2026-11-01T10:00:00+00:00"


def test_a_column_that_is_there_under_its_own_name_counts_before_one_with_humps(tmp_path: Path) -> None:
    times = {"createdAt": "2026-01-01T00:00:00Z", "created_at": "2026-11-01T10:00:00Z"}
    record = read_record(tmp_path, {"text": "Late.", **times})
    assert record.occurred_at.isoformat() == "2026-11-01T10:00:00+00:00"
    assert record.attributes == {"createdat": "2026-01-01T00:00:00Z"}


PEOPLE = [
    "Tjorven", "tjorven", "TJORVEN QVARNHOLT", "tjorven.qvarnholt", "Qvarnholt, Tjorven", "Tjorven Qvarnholt",
    "Qvarnholt, Tjorven (Lamps Ltd)", "Tjorven's iPhone", "T. Qvarnholt", "Tjorven-Kjell af Qvarnholt", "王小明",
    "Дмитрий Иванов", "محمد العلي", "Nguyễn Văn An", "Hyun-woo Baek", 'Tjorven "TQ" Qvarnholt', "สมชาย", "Rose",
]  # fmt: skip


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("turns", [1, 3])
def test_who_is_named_as_a_speaker_is_a_person(tmp_path: Path, person: str, turns: int) -> None:
    said = [{"role": person, "text": "My lamp is late."}, {"role": "agent", "text": "I see."}] * turns
    record = read_record(tmp_path, {"text": None, "turns": said})
    assert record.text == "\n".join(["<PERSON_1>: My lamp is late.", "agent: I see."] * turns)


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("Agent Qvarnholt", "Agent <PERSON_1>"),
        ("Tjorven Qvarnholt (he/him)", "<PERSON_1> (he/him)"),
        ("Tjorven [External]", "<PERSON_1> [External]"),
        ("1. Tjorven", "1. <PERSON_1>"),
        ("tjorven@example.com", "<EMAIL_1>"),
        ("+1 415-555-0132", "<PHONE_1>"),
    ],
)
def test_what_a_label_says_beside_the_name_stays(tmp_path: Path, label: str, shown: str) -> None:
    record = read_record(tmp_path, {"text": None, "turns": [{"role": label, "text": "Late."}]})
    assert record.text == f"{shown}: Late."


@pytest.mark.parametrize(
    "role",
    [
        "agent", "Customer", "Speaker 1", "SPEAKER_00", "spk_0", "ch_1", "Support Team", "Caller", "Kunde", "A",
        "Guest 2", "Operator", "system", "unknown", "Interviewer", "Sales", "Left Channel", "Teilnehmer 3",
        "Senior Advisor",
    ],
)  # fmt: skip
def test_a_role_stays_what_it_is(tmp_path: Path, role: str) -> None:
    record = read_record(tmp_path, {"text": None, "turns": [{"role": role, "text": "Late."}]})
    assert record.text == f"{role}: Late."


@pytest.mark.parametrize("name", ["Tjorven Qvarnholt", "王小明"])
def test_a_speaker_is_known_in_what_the_others_say_and_in_the_attributes(tmp_path: Path, name: str) -> None:
    turns = [{"role": name, "text": "Late."}, {"role": "agent", "text": f"ok{name}, bye {name.split()[0]}"}]
    record = read_record(tmp_path, {"text": None, "turns": turns, "note": f"with {name}"})
    assert name not in repr(record) and f"bye {name.split()[0]}" not in record.text


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("电话13812345678", "电话<PHONE_1>"),
        ("我的手机号是13812345678，谢谢", "我的手机号是<PHONE_1>，谢谢"),
        ("電話番号は090-1234-5678です", "電話番号は<PHONE_1>です"),
        ("電話は０９０－１２３４－５６７８です", "電話は<PHONE_1>です"),
        ("전화번호는010-1234-5678입니다", "전화번호는<PHONE_1>입니다"),
        ("เบอร์โทร0812345678ครับ", "เบอร์โทร<PHONE_1>ครับ"),
        ("カード番号は4111111111111111です", "カード番号は<CARD_1>です"),
        ("邮箱ida.holm@example.com谢谢", "邮箱<EMAIL_1>谢谢"),
        ("อีเมลida@example.comครับ", "อีเมล<EMAIL_1>ครับ"),
        ("IBANはDE89370400440532013000です", "IBANは<IBAN_1>です"),
        ("订单20261123已发货, 第3版", "订单20261123已发货, 第3版"),
    ],
)
def test_numbers_and_addresses_beside_letters_of_scripts_without_spaces_are_found(text: str, redacted: str) -> None:
    assert redact(text) == redacted
    assert redact(redacted) == redacted


SHOWN = [
    "Qvarnholt, Tjorven", "Tjorven Qvarnholt | Acme", "Tjorven 🎧", "🌸 Tjorven", "Tjorven Qvarnholt, PhD",
    "2. Tjorven", "Tjorven Qvarnholt from the Northern Furniture Company", "Qvarnholt Tjorven [External]",
    "Tjorven + Nils",
]  # fmt: skip


@pytest.mark.parametrize("name", SHOWN)
def test_captions_name_their_speakers_as_meeting_programs_show_them(name: str) -> None:
    from include.sources.calls.transcript_cues import transcript_of_cues

    said = [f"{name}: Late.", "Olsson, Marta: I see.", f"{name}: Thanks."]
    cues = "".join(f"00:0{number}.000 --> 00:0{number + 1}.000\n{line}\n\n" for number, line in enumerate(said))
    transcript = transcript_of_cues(f"WEBVTT\n\n{cues}")
    assert transcript is not None
    assert [(turn.role, turn.text) for turn in transcript.turns] == [
        (name, "Late."), ("Olsson, Marta", "I see."), (name, "Thanks.")
    ]  # fmt: skip
