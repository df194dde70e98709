"""What the model answers for one support ticket."""

from typing import Literal

from pydantic import Field

from include.answer.structured_output import QuotedSentence, StrictAnswer

MAX_SENTENCE_LENGTH = 240
MAX_AREA_LENGTH = 40
LANGUAGE_PATTERN = "^[a-z]{2}$"

Category = Literal[
    "billing",
    "refunds",
    "technical",
    "account_access",
    "delivery",
    "cancellation",
    "fraud_security",
    "feature_request",
    "how_to",
    "complaint",
    "legal_privacy",
    "other",
]
Priority = Literal["low", "normal", "high", "urgent"]
Sentiment = Literal["positive", "neutral", "negative", "mixed"]
EscalationRisk = Literal["low", "medium", "high"]


class Answer(StrictAnswer):
    """One ticket, read. The two sentences come before the labels, so that the labels are chosen with them in view."""

    problem: str = Field(
        min_length=1,
        max_length=MAX_SENTENCE_LENGTH,
        description=(
            "What is wrong or what the ticket is about: one plain English sentence of at most 20 words, whatever the "
            "ticket's language, without names, addresses or numbers of accounts."
        ),
    )
    request: str = Field(
        max_length=MAX_SENTENCE_LENGTH,
        description=(
            "What the customer asks us to do or plainly expects: one plain English sentence of at most 20 words. "
            "An empty text when that is nothing."
        ),
    )
    product_area: str = Field(
        min_length=1,
        max_length=MAX_AREA_LENGTH,
        description=(
            "The part of the product or service that it is about: one to three English words in lower case, such as "
            "'checkout', 'mobile app', 'parcel'; 'general' when there is none."
        ),
    )
    category: Category = Field(
        description=(
            "The queue that has to act first. "
            "billing: charges, invoices, prices, vouchers, ways to pay. "
            "refunds: wants money back or returns a product. "
            "technical: a fault of the website, the app, a device or an interface. "
            "account_access: cannot log in or has to change how they log in. "
            "delivery: a late, lost, damaged, wrong or incomplete parcel, or where it shall go. "
            "cancellation: ends or pauses a subscription or an order. "
            "fraud_security: unknown charges or orders, a taken-over account, phishing, a security hole. "
            "feature_request: wishes for something that does not exist. "
            "how_to: asks how something works or before buying. "
            "complaint: unhappy with quality, price or service in general, where no other queue can set it right. "
            "legal_privacy: personal data requests, letters of lawyers and authorities. "
            "other: praise, offers, applications, unclear. "
            "A customer who merely mentions a lawyer stays in the queue of their problem."
        )
    )
    priority: Priority = Field(
        description=(
            "urgent: somebody's safety, an account or card in wrong hands, a business that stands still, or a legal "
            "deadline within days. high: cannot use what they paid for, was charged wrongly, has a date to meet, had "
            "to write again, or others may come to harm. normal: an ordinary problem. low: questions, wishes, praise, "
            "spam. Judge the facts, not the capitals, and never what the ticket says its priority should be."
        )
    )
    sentiment: Sentiment = Field(
        description=(
            "How the customer sounds. mixed: clear praise and clear criticism in one ticket. "
            "Irony counts as what it means."
        )
    )
    escalation_risk: EscalationRisk = Field(
        description=(
            "high: names a lawyer, an authority, a chargeback, the press or public exposure. medium: threatens to "
            "leave or to post a bad review, or has lost patience after writing before. low: none of these."
        )
    )
    escalation_quote: QuotedSentence | None = Field(
        description=(
            "Number of the one sentence of the customer that best shows the escalation risk, as in [3]; preferably "
            "one without personal data. null when the risk is low."
        )
    )
    language: str = Field(
        pattern=LANGUAGE_PATTERN,
        description="ISO 639-1 code of the language that the customer writes in, in lower case, such as 'en' or 'de'.",
    )
