"""What the model answers for one app store review."""

from typing import Literal

from pydantic import Field

from include.answer.structured_output import QuotedSentence, StrictAnswer

MOST_ITEMS = 8
MAX_SUMMARY_LENGTH = 120
MAX_TOPIC_OTHER_LENGTH = 30
LANGUAGE_PATTERN = "^[a-z]{2}$"

Sentiment = Literal["positive", "neutral", "negative", "mixed"]
Kind = Literal["bug", "feature_request", "complaint", "praise", "question"]
Topic = Literal[
    "crashes",
    "performance",
    "login",
    "payments",
    "price",
    "ads",
    "updates",
    "usability",
    "design",
    "features",
    "content",
    "sync",
    "notifications",
    "privacy",
    "customer_support",
    "general",
    "other",
]
Severity = Literal["low", "medium", "high"]


class FeedbackItem(StrictAnswer):
    """One separate point. Sentence and summary come first, so that the labels are chosen with them in view."""

    quote: QuotedSentence
    summary: str = Field(
        min_length=1,
        max_length=MAX_SUMMARY_LENGTH,
        description=(
            "The point in one plain English sentence of at most 15 words, whatever the review's language. "
            "No names of people and nothing that the review does not say."
        ),
    )
    kind: Kind = Field(
        description=(
            "bug: something does not work as it should. feature_request: asks for something that is not there. "
            "complaint: unhappy with something that works as intended, or with the company. "
            "praise: likes something. question: wants to know something."
        )
    )
    topic: Topic = Field(
        description=(
            "The narrowest that fits. "
            "crashes: closes by itself, freezes, does not start. performance: slow, battery, memory, size. "
            "login: sign-up, sign-in, passwords, codes, being logged out. "
            "payments: charges, subscriptions, refunds, restoring purchases. "
            "price: what it costs and what is only for payers. ads: advertisements. "
            "updates: what an update moved, changed or removed on purpose, and how often updates come. "
            "usability: easy or hard to use or to find. design: how it looks, readability. "
            "features: a function that is liked, wrong or missing. "
            "content: texts, translations, maps, routes and whatever else is offered to read or to follow. "
            "sync: data between devices, banks and accounts; import, backup, lost data. "
            "notifications: reminders, alerts. privacy: permissions, tracking, personal data. "
            "customer_support: how people are helped. general: the app as a whole, nothing in it named. "
            "other: none of these."
        )
    )
    topic_other: str = Field(
        max_length=MAX_TOPIC_OTHER_LENGTH,
        description=(
            "Only for topic other: one to three English words in lower case that name it, such as 'accessibility'. "
            "An empty text for every other topic."
        ),
    )
    severity: Severity = Field(
        description=(
            "high: cannot use the app or what it is for, loses data or money, or personal data are at risk. "
            "medium: a regular nuisance or loss of time. low: small things, wishes, questions and all praise. "
            "Judge what happened, not how loudly it is told."
        )
    )


class Answer(StrictAnswer):
    """One review, read."""

    sentiment: Sentiment = Field(
        description=(
            "How the customer feels all in all. mixed: clear praise and clear criticism in one review. "
            "neutral: neither. Irony counts as what it means."
        )
    )
    language: str = Field(
        pattern=LANGUAGE_PATTERN,
        description=(
            "ISO 639-1 code of the language that the customer writes in, in lower case, such as 'en' or 'de'. "
            "'xx' when there are no words, as in a row of emoji."
        ),
    )
    feedback: list[FeedbackItem] = Field(
        max_length=MOST_ITEMS,
        description=(
            "Every separate point about the app or its maker, in the order of the review, each once; the weightiest "
            f"{MOST_ITEMS} if there are more. A verdict on the app as a whole is a point of its own only when the "
            "review says nothing more specific. An empty list when there is no point about the app."
        ),
    )
