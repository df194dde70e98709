"""The report and a failure are told by e-mail where a connection for it exists."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from include.local.ports import HOST
from include.report.headline import Headline, failure_headline
from include.report.notify import send
from tests.report.mailbox import Mailbox, mail_server

NEWS = Headline("Support tickets: billing leads with 9 of 20", ["20 customers", "Most said about: billing (9)"])
FAILED_ROW: dict[str, Any] = {
    "run_id": "manual__1",
    "run_key": "manual__1-0123",
    "purpose": None,
    "published": 0,
    "skipped": 20,
    "cost_usd": 0.01,
    "model": "m",
    "prompt_version": "v1",
    "reason": "The key is refused.\nCheck OPENAI_API_KEY.",
}


@pytest.fixture
def mail(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    """A mail server, and the Airflow connection to it."""
    with mail_server() as mailbox:
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(mailbox.connection()))
        yield mailbox


def test_the_subject_is_the_news_and_the_body_the_page(mail: Mailbox) -> None:
    assert send(NEWS, "<h1>The page</h1>") == ["email"]
    (message,) = mail.messages
    assert message["Subject"] == NEWS.subject
    assert message["To"] == "product@example.com"
    bodies = [part.get_payload(decode=True) for part in message.walk() if part.get_content_type() == "text/html"]
    assert b"The page" in bodies[0]


@pytest.mark.parametrize(
    ("settings", "sender"),
    [
        ({"extra": {}}, "product@example.com"),
        ({"extra": {"report_to": ["a@example.com", "b@example.com"]}}, "a@example.com"),
        ({"extra": {"report_to": "a@example.com; b@example.com"}}, "a@example.com"),
        ({"extra": {}, "login": "robot@example.com"}, "robot@example.com"),
        ({"extra": {}, "login": "robot"}, "product@example.com"),
        ({"extra": {"from_email": "nightshift@example.com"}, "login": "x@example.com"}, "nightshift@example.com"),
    ],
)
def test_an_e_mail_has_a_sender_whatever_the_connection_names(
    mail: Mailbox, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], sender: str
) -> None:
    connection = {**mail.connection(**settings["extra"]), "login": settings.get("login")}
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))
    assert send(NEWS, "<h1>The page</h1>") == ["email"]
    assert mail.messages[0]["From"] == sender


def test_a_failure_says_so_in_its_subject_with_pipeline_and_sentence(mail: Mailbox) -> None:
    assert send(failure_headline("Support tickets", FAILED_ROW), "<h1>The page</h1>") == ["email"]
    assert mail.subjects("FAILED") == ["FAILED Support tickets: The key is refused. Check OPENAI_API_KEY."]


def test_a_failed_trial_is_told_as_a_trial() -> None:
    subject = failure_headline("Tickets", {**FAILED_ROW, "purpose": "trial"}).subject
    assert subject.startswith("FAILED Tickets (Trial of v1 on m, not in current/)")


def test_no_topic_breaks_a_subject(mail: Mailbox) -> None:
    from tests.report.test_report import headline, item, outcome, reviews

    published = reviews("other")
    published["feedback"] = [[{**item("other"), "topic_other": "parking\r\nBcc: all@example.com " + "x" * 500}]]
    assert send(headline(outcome(published)), "<h1>The page</h1>") == ["email"]
    assert len(mail.messages[0]["Subject"]) <= 200
    assert mail.messages[0]["Bcc"] is None


def test_the_connection_that_the_readme_shows_works(mail: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    readme = (Path(__file__).parents[2] / "include" / "stages" / "README.md").read_text(encoding="utf-8")
    connection = json.loads(readme.split("```json\n")[1].split("```")[0])
    # The test's server has neither a certificate nor accounts.
    connection |= {"host": HOST, "port": mail.port, "password": None}
    connection["extra"]["disable_tls"] = True
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))
    assert send(NEWS, "<h1>The page</h1>") == ["email"]
    (message,) = mail.messages
    assert (message["From"], message["To"]) == (connection["extra"]["from_email"], connection["extra"]["report_to"])


def test_without_a_connection_nothing_is_sent_and_nothing_fails() -> None:
    assert send(NEWS, "<h1>The page</h1>") == []


def test_a_mail_server_that_is_away_does_not_fail_the_run(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    connection = {"conn_type": "smtp", "host": HOST, "port": 1, "extra": {"report_to": "a@b.de", "retry_limit": 1}}
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))
    assert send(NEWS, "<h1>The page</h1>") == []
    assert "smtp_default" in caplog.text
