"""Mailboxes: a message a row."""

import gzip
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest

from include.sources.record import Record, UnreadableRecord
from include.sources.row import MAX_LINE_BYTES
from tests.sources.reading import ids, read_all, reasons

START = b"From MAILER-DAEMON Thu Nov 19 10:00:00 2026\n"


def message(number: int = 1, body: str = "It broke again.\n") -> EmailMessage:
    """A mail of a customer."""
    mail = EmailMessage()
    mail["Message-ID"] = f"<m{number}@mail.example.com>"
    mail["From"] = "Tjorven Qvarnholt <tq@example.com>"
    mail["Date"] = "Thu, 19 Nov 2026 11:00:00 +0100"
    mail["Subject"] = "Die Lampe ist zu spät"
    mail.set_content(body)
    return mail


def read_mails(folder: Path, *mails: EmailMessage | bytes, name: str = "mails.mbox") -> list[Record | UnreadableRecord]:
    """Everything in a mailbox of these."""
    data = b"".join(START + (bytes(mail) if isinstance(mail, EmailMessage) else mail) + b"\n" for mail in mails)
    (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return read_all(folder / name)


@pytest.mark.parametrize("name", ["mails.mbox", "mails.mbox.gz"])
def test_a_message_is_a_record_with_subject_and_text(tmp_path: Path, name: str) -> None:
    answer = message(2)
    answer["In-Reply-To"] = "<m1@mail.example.com>"
    first, second = read_mails(tmp_path, message(), answer, name=name)
    assert isinstance(first, Record) and isinstance(second, Record)
    assert (first.record_id, second.record_id) == ("m1@mail.example.com", "m2@mail.example.com")
    assert first.text == "Die Lampe ist zu spät\n\nIt broke again."
    assert first.is_dated and first.occurred_at == datetime(2026, 11, 19, 10, tzinfo=UTC)
    assert first.attributes["attachments"] == "0" and first.attributes["in_reply_to"] is None
    assert second.attributes["in_reply_to"] is not None


def test_who_wrote_is_redacted_in_the_text_too(tmp_path: Path) -> None:
    (record,) = read_mails(tmp_path, message(body="It broke.\n\nTjorven\n"))
    assert "Tjorven" not in repr(record) and "tq@example.com" not in repr(record)


def test_attachments_are_left_out_and_counted(tmp_path: Path) -> None:
    mail = message()
    mail.add_alternative("<p>It broke <b>again</b>.</p>", subtype="html")
    mail.add_attachment(b"\x89PNG" * 1_000, maintype="image", subtype="png", filename="photo.png")
    mail.add_attachment("log line", filename="log.txt")
    (record,) = read_mails(tmp_path, mail)
    assert isinstance(record, Record)
    assert record.text == "Die Lampe ist zu spät\n\nIt broke again."
    assert record.attributes["attachments"] == "2"


def test_a_message_of_html_alone_is_read_as_a_person_reads_it(tmp_path: Path) -> None:
    mail = message()
    mail.set_content("<p>It broke<br>again</p>", subtype="html")
    (record,) = read_mails(tmp_path, mail)
    assert isinstance(record, Record) and record.text.endswith("It broke\nagain")


def test_a_line_that_begins_with_from_is_text_where_it_is_quoted_or_no_line_is_free_above(tmp_path: Path) -> None:
    (record,) = read_mails(tmp_path, message(body="See:\n\n>From here on it broke.\nFrom then on too.\n"))
    assert isinstance(record, Record)
    assert record.text.endswith("See:\n\nFrom here on it broke.\nFrom then on too.")


def test_a_message_without_an_id_is_named_by_what_stands_in_it(tmp_path: Path) -> None:
    nameless, other = message(body="One"), message(body="Two")
    del nameless["Message-ID"], other["Message-ID"]
    rows = read_mails(tmp_path, message(), nameless, other)
    assert reasons(rows) == ["record"] * 3 and len(set(ids(rows))) == 3
    assert ids(read_mails(tmp_path, other, message(), nameless)) == [ids(rows)[2], ids(rows)[0], ids(rows)[1]]


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Type: text/plain; charset=no-such\n",
        b"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n",
        b"Subject: =?utf-8?Q?=C3=?= =?x?\n",
        b"Date: never\n",
        b'Content-Type: multipart/mixed; boundary=""\n',
        b"From: <<<@@\n",
        b"no header at all\n",
    ],
)
def test_a_message_that_nobody_should_write_costs_itself_at_most(tmp_path: Path, head: bytes) -> None:
    rows = read_mails(tmp_path, message(1), b"Message-ID: <x@y>\n" + head + b"\nIt broke \xff again.\n", message(3))
    assert len(rows) == 3
    assert [rows[0].record_id, rows[2].record_id] == ["m1@mail.example.com", "m3@mail.example.com"]


def test_parts_within_parts_cost_their_message_only(tmp_path: Path) -> None:
    nested = b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (depth, depth) for depth in range(3_000)
    )
    rows = read_mails(tmp_path, b"Message-ID: <x@y>\n" + nested, message(2))
    assert (reasons(rows), ids(rows)[1]) == (["too_large", "record"], "m2@mail.example.com")


def test_a_message_beyond_the_cap_costs_itself_only(tmp_path: Path) -> None:
    large = bytes(message(1)) + b"A" * MAX_LINE_BYTES + b"\n"
    rows = read_mails(tmp_path, large, message(2))
    assert (reasons(rows), ids(rows)[1]) == (["too_large", "record"], "m2@mail.example.com")


def test_another_file_under_the_name_of_a_mailbox_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.mbox").write_text("id,text\n1,Late\n")
    (row,) = read_all(tmp_path / "a.mbox")
    assert isinstance(row, UnreadableRecord)
    assert row.error_type == "wrong_format" and "no mailbox" in row.error_message


def test_a_mail_of_which_only_the_date_is_no_time_says_that(tmp_path: Path) -> None:
    (row,) = read_mails(tmp_path, b"Message-ID: <x@y>\nSubject: Late\nDate: never\n\nIt broke.\n")
    assert isinstance(row, UnreadableRecord) and (row.record_id, row.error_type) == ("x@y", "bad_timestamp")


def test_a_mail_that_is_nothing_but_an_attachment_counts_it(tmp_path: Path) -> None:
    head = b"Subject: Invoice\nContent-Type: application/pdf\nContent-Disposition: attachment; filename=a.pdf\n"
    (record,) = read_mails(tmp_path, head + b"\nJVBERi0=\n")
    assert isinstance(record, Record) and (record.text, record.attributes["attachments"]) == ("Invoice", "1")
