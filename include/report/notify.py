"""Tell people where a connection for it exists: e-mail through `smtp_default`, Slack through `slack_webhook_default`.

Recipients of the e-mail stand in the connection's extra, `{"report_to": "product@example.com"}`, and its sender in
`from_email`. A channel that fails does not fail the run: the data is published, and the log says what to check.
"""

import logging
from typing import Any

from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowException, AirflowNotFoundException

from include.report.headline import Headline

log = logging.getLogger(__name__)

SMTP_CONNECTION = "smtp_default"
SLACK_CONNECTION = "slack_webhook_default"


def send(news: Headline, page: str) -> list[str]:
    """Send headline and page.

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
            deliver(connection, news, page)
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


def _send_email(connection: Connection, news: Headline, page: str) -> None:
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


def _send_slack(connection: Connection, news: Headline, page: str) -> None:
    from airflow.providers.slack.hooks.slack_webhook import SlackWebhookHook

    SlackWebhookHook(slack_webhook_conn_id=SLACK_CONNECTION).send_text(slack_text(news))


def slack_text(news: Headline) -> str:
    """The message for Slack, with its three control characters escaped so that no customer text becomes a link."""
    lines = [f"*{news.subject}*", *(f"• {line}" for line in news.lines)]
    return "\n".join(lines).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
