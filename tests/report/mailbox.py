"""A mail server that keeps what it receives."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

from include.local.ports import HOST, free_port


@dataclass
class Mailbox:
    """What a real SMTP server received, oldest first."""

    port: int = 0
    messages: list[EmailMessage] = field(default_factory=list)

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802
        """Called by the server for each message."""
        self.messages.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        return "250 OK"

    def subjects(self, word: str) -> list[str]:
        """Subjects that hold a word."""
        return [str(message["Subject"]) for message in self.messages if word in str(message["Subject"])]

    def connection(self, **extra: Any) -> dict[str, Any]:
        """The Airflow connection that the README describes, without encryption."""
        extra = {"report_to": "product@example.com", "disable_ssl": True, "disable_tls": True, **extra}
        return {"conn_type": "smtp", "host": HOST, "port": self.port, "extra": extra}


@contextmanager
def mail_server() -> Iterator[Mailbox]:
    """A mailbox behind a port of its own."""
    mailbox = Mailbox(free_port(18025))
    controller = Controller(mailbox, hostname=HOST, port=mailbox.port)
    controller.start()
    yield mailbox
    controller.stop()
