"""Tell people where a connection for it exists: e-mail through `smtp_default`, Slack through `slack_webhook_default`.

Recipients of the e-mail stand in the connection's extra, `{"report_to": "product@example.com"}`, and its sender in
`from_email`. A channel that fails does not fail the run: the data is published, and the log says what to check.

Customers and models write what a message quotes: none of it becomes a link, a mention or HTML.
"""

import logging
import posixpath
import re
from collections.abc import Mapping
from typing import Any

from airflow.sdk import BaseHook, Connection
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowException, AirflowNotFoundException

from include.lake.paths import Lake
from include.pages.render import render
from include.report.headline import Headline

log = logging.getLogger(__name__)

SMTP_CONNECTION = "smtp_default"
SLACK_CONNECTION = "slack_webhook_default"
# A block may have 3,000 once `&` and its like are escaped.
MOST_SLACK_CHARACTERS = 600
# Where a mail programme would see an address or a domain; versions and times are none.
_LINK = re.compile(r"([.:@])(?=[^\W\d_]|/)")
_WORD_JOINER = "\u2060"

# What a message leads to: words to the address of each.
Links = Mapping[str, str]


def link_to(lake: Lake, pipeline: str, path: str) -> str:
    """Where people open a file of `reports/`: in Airflow if `[api] base_url` says where that is, else in the lake."""
    base = conf.get("api", "base_url", fallback=None)
    return f"{base.rstrip('/')}/nightshift/reports/{pipeline}/{posixpath.basename(path)}" if base else lake.uri(path)


def mail_page(news: Headline, links: Links) -> str:
    """The first screen of a report for an e-mail: the news and where the rest is, without charts."""
    told = Headline(harmless(news.subject), [harmless(line) for line in news.lines])
    return render("mail.html.j2", news=told, links=links)


def harmless(text: str) -> str:
    """A text in one line in which no programme finds an address to make a link of; it reads the same."""
    return _LINK.sub(rf"\1{_WORD_JOINER}", " ".join(text.split()))


def send(news: Headline, page: str, links: Links | None = None) -> list[str]:
    """Send headline and page.

    Args:
        page: of the e-mail.
        links: that a message for Slack ends in.

    Returns:
        The channels that took it: `email`, `slack`.
    """
    channels = []
    for channel, connection_id, deliver in (
        ("email", SMTP_CONNECTION, _send_email),
        ("slack", SLACK_CONNECTION, _send_slack),
    ):
        connection = _connection(connection_id)
        if connection is None:
            continue
        try:
            deliver(connection, news, page, links or {})
        except Exception as error:
            # Whatever the server, the network or the provider did, the run itself stays as it is.
            log.warning(
                "%r was not sent by %s (%s%s). Check the Airflow connection %s; clear `report` to send a report again.",
                news.subject,
                channel,
                type(error).__name__,
                # The address that Slack's errors name is its key.
                f": {error}" if channel == "email" else "",
                connection_id,
            )
        else:
            channels.append(channel)
    return channels


def _connection(connection_id: str) -> Connection | None:
    try:
        return BaseHook.get_connection(connection_id)
    except (AirflowNotFoundException, AirflowException):
        return None


def _send_email(connection: Connection, news: Headline, page: str, links: Links) -> None:
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    recipients = connection.extra_dejson.get("report_to")
    if not recipients:
        raise ValueError("the connection's extra has no report_to")
    with SmtpHook(SMTP_CONNECTION) as smtp:
        smtp.send_email_smtp(
            to=recipients, subject=news.subject, html_content=page, from_email=sender(connection, recipients)
        )


def sender(connection: Connection, recipients: Any) -> str:
    """Who an e-mail is from: `from_email`, else the login where it is an address, else the first recipient."""
    first = recipients if isinstance(recipients, str) else recipients[0]
    login = connection.login or ""
    return str(
        connection.extra_dejson.get("from_email") or (login if "@" in login else first.replace(";", ",").split(",")[0])
    )


def _send_slack(connection: Connection, news: Headline, page: str, links: Links) -> None:
    from airflow.providers.slack.hooks.slack_webhook import SlackWebhookHook

    # Slack makes links and mentions of what is not verbatim:
    # https://docs.slack.dev/reference/block-kit/composition-objects/text-object
    texts = [*_slack_lines(news), *([" · ".join(map(_slack_link, links, links.values()))] if links else [])]
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "verbatim": True, "text": text}} for text in texts]
    SlackWebhookHook(slack_webhook_conn_id=SLACK_CONNECTION).send(
        text=slack_text(news), blocks=blocks, unfurl_links=False, unfurl_media=False
    )


def slack_text(news: Headline) -> str:
    """The message for Slack, with its three control characters escaped so that no customer text becomes a link."""
    return "\n".join(_slack_lines(news))


def _slack_lines(news: Headline) -> list[str]:
    subject, *lines = (_escaped(harmless(text)[:MOST_SLACK_CHARACTERS]) for text in (news.subject, *news.lines))
    return [f"*{subject}*", *(f"• {line}" for line in lines)]


def _slack_link(words: str, address: str) -> str:
    is_page = address.startswith(("https://", "http://"))
    return f"<{_escaped(address)}|{words}>" if is_page else f"{words}: {_escaped(address)}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
