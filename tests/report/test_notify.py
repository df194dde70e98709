"""The report goes out by e-mail where a connection for it exists."""

import json
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message

import pytest
from aiosmtpd.controller import Controller

from include.local.ports import HOST, free_port
from include.report.headline import Headline
from include.report.notify import send

NEWS = Headline("Support tickets: billing leads with 9 of 20", ["20 customers", "Most said about: billing (9)"])


class Mailbox:
    """Keeps what a real SMTP server receives."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:  # noqa: N802
        """Called by the server for each message."""
        self.messages.append(message_from_bytes(envelope.content))  # type: ignore[attr-defined]
        return "250 OK"


@pytest.fixture
def mail(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    """A mail server, and the Airflow connection to it."""
    mailbox = Mailbox()
    controller = Controller(mailbox, hostname=HOST, port=free_port(18025))
    controller.start()
    connection = {
        "conn_type": "smtp",
        "host": HOST,
        "port": controller.port,
        "extra": {
            "disable_ssl": True,
            "disable_tls": True,
            "from_email": "nightshift@example.com",
            "report_to": "product@example.com",
        },
    }
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))
    yield mailbox
    controller.stop()


def test_the_subject_is_the_news_and_the_body_the_page(mail: Mailbox) -> None:
    assert send(NEWS, "<h1>The page</h1>") == ["email"]
    (message,) = mail.messages
    assert message["Subject"] == NEWS.subject
    assert message["To"] == "product@example.com"
    bodies = [part.get_payload(decode=True) for part in message.walk() if part.get_content_type() == "text/html"]
    assert b"The page" in bodies[0]


def test_without_a_connection_nothing_is_sent_and_nothing_fails() -> None:
    assert send(NEWS, "<h1>The page</h1>") == []


def test_a_mail_server_that_is_away_does_not_fail_the_run(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    connection = {"conn_type": "smtp", "host": HOST, "port": 1, "extra": {"report_to": "a@b.de", "retry_limit": 1}}
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))
    assert send(NEWS, "<h1>The page</h1>") == []
    assert "smtp_default" in caplog.text
