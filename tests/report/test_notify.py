"""The report and a failure are told by e-mail where a connection for it exists."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from include.lake.paths import open_lake
from include.local.ports import HOST
from include.report.headline import Headline, failure_headline
from include.report.notify import harmless, link_to, mail_page, send
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


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """What a server in Slack's place received, and the Airflow connection to it."""
    received: list[dict[str, Any]] = []

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer((HOST, 0), Webhook) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://{HOST}:{server.server_port}"
        connection = {"conn_type": "slackwebhook", "host": url, "password": "/T/B/secret"}
        monkeypatch.setenv("AIRFLOW_CONN_SLACK_WEBHOOK_DEFAULT", json.dumps(connection))
        yield received
        server.shutdown()


HOSTILE = "other: <!channel> @here <b>b</b>\n\u2028*Pay* at https://evil.example/x or www.evil.example, a@evil.example"
LINKS = {"Report": "https://airflow.example.com/nightshift/reports/p/k.html", "CSV": "s3://lake/reports/p/k.csv"}


def test_slack_gets_the_news_and_links_and_nothing_of_a_customer_is_a_link_or_a_mention(
    slack: list[dict[str, Any]],
) -> None:
    lines = ["40 reviews last week, app version 6.3.0", HOSTILE, "<" * 5000]
    assert send(Headline(f"Reviews: {HOSTILE}", lines), "<h1>The page</h1>", LINKS) == ["slack"]
    (message,) = slack
    texts = [block["text"] for block in message["blocks"]]
    assert {(text["type"], text["verbatim"]) for text in texts} == {("mrkdwn", True)}
    *told, links = [text["text"] for text in texts]
    assert links == f"<{LINKS['Report']}|Report> · CSV: {LINKS['CSV']}"
    assert told[1] == "• 40 reviews last week, app version 6.3.0"
    assert "&lt;!channel&gt;" in told[0] and "&lt;!channel&gt;" in told[2]
    assert all(len(text) <= 3000 and "\n" not in text for text in told)
    for text in (*told, message["text"]):
        assert not {"<", ">"} & set(text)
        assert not any(link in text for link in ("https://", "evil.example", "@here", "@evil"))
    assert message["unfurl_links"] is False and "The page" not in json.dumps(message)


def test_an_e_mail_has_the_news_and_links_and_nothing_of_a_customer_is_html_or_a_link(mail: Mailbox) -> None:
    news = Headline(f"Reviews: {HOSTILE}", [HOSTILE, "Login: 9 of 23 reviews"])
    assert send(news, mail_page(news, LINKS)) == ["email"]
    (message,) = mail.messages
    body = message.get_body(("html",))
    assert body is not None
    page = body.get_content()
    assert f'<a href="{LINKS["Report"]}">Report</a>' in page and f"CSV: <code>{LINKS['CSV']}</code>" in page
    assert "<li>Login: 9 of 23 reviews</li>" in page and "<svg" not in page and "<script" not in page
    assert page.count("<a ") == 1 and "<b>" not in page and "&lt;!channel&gt;" in page
    assert "evil.example" not in page and page.count("https://") == 1


@pytest.mark.parametrize("text", ["app version 6.3.0 on gpt-4.1-mini, 02:00 to 03:00", "other: parking. Next: none"])
def test_what_is_no_address_is_told_as_it_is(text: str) -> None:
    assert harmless(text) == text


def test_links_lead_to_airflow_where_its_address_is_known_and_else_name_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lake = open_lake(str(tmp_path))
    path = lake.root + "/reports/support_tickets/run_date=2026-11-23/manual-1.html"
    monkeypatch.delenv("AIRFLOW__API__BASE_URL", raising=False)
    assert link_to(lake, "support_tickets", path) == path
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.com/af/")
    link = link_to(lake, "support_tickets", path)
    assert link == "https://airflow.example.com/af/nightshift/reports/support_tickets/manual-1.html"


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
