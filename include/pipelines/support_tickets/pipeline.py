"""Nightly reading of the support tickets."""

from include.pipelines.definition import Pipeline, ReportFields
from include.pipelines.support_tickets.output import Answer
from include.pipelines.support_tickets.source import source

PIPELINE = Pipeline(
    name="support_tickets",
    title="Support tickets",
    description="""
Reads every support ticket of the night's window once and says which **queue** has to act, how **urgent** it is, what
the **problem** and the **request** are, how the customer sounds, and whether the case is about to **escalate**
(with the sentence that shows it). The model sees subject and channel beside the text.

Analysts read `<lake>/current/support_tickets`: one row for each ticket with its newest answer. Tickets that could not
be answered are in `<lake>/quarantine/support_tickets`, each with the reason.

A ticket that is re-opened or edited is read again; one whose text did not change is not paid for twice. Personal data
is redacted before the text is stored or sent. Labels help to find and to count: no reply goes out because of them.
""",
    answer=Answer,
    source=source,
    report_fields=ReportFields(
        unit="tickets",
        topic="category",
        summary="problem",
        sentiment="sentiment",
        kind="escalation_risk",
        severity="priority",
        severity_order=("low", "normal", "high", "urgent"),
        quote="escalation_quote",
        request="request",
    ),
    owner="support-operations",
    tags=("nightshift", "tickets"),
    schedule="0 3 * * *",
    attributes={"subject": str, "channel": str, "status": str, "country": str, "plan": str, "replies": int},
    prompt_version="v3",
    # A usual answer has about 90; two sentences that fill their caps and the other fields have about 250.
    max_output_tokens=300,
    # A mail thread of some thirty replies; longer ones are mostly pasted logs, which are not worth their tokens.
    max_text_characters=24_000,
)
