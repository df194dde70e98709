"""What the model answers for one phone call."""

from typing import Annotated, Literal

from pydantic import Field

from include.answer.structured_output import StrictAnswer

MAX_SUMMARY_LENGTH = 300
MAX_REASON_LENGTH = 160
MAX_ACTION_LENGTH = 120
MAX_NOTE_LENGTH = 160
MAX_NOTES = 4
MAX_ACTIONS = 5
LANGUAGE_PATTERN = "^[a-z]{2}$"

ReasonCategory = Literal[
    "billing",
    "technical_problem",
    "order_delivery",
    "account_access",
    "booking",
    "cancellation",
    "fraud_security",
    "information",
    "complaint",
    "other",
]
Outcome = Literal["resolved", "follow_up", "escalated", "unknown"]
Sentiment = Literal["positive", "neutral", "negative", "mixed"]
Owner = Literal["agent", "customer", "company"]


class ActionItem(StrictAnswer):
    """Something that was promised or asked for and is still to be done when the call ends."""

    owner: Owner = Field(
        description=(
            "Who has to act. agent: the person on the phone. customer: the caller. "
            "company: anybody else on our side, such as a technician or the billing team."
        )
    )
    action: str = Field(
        min_length=1,
        max_length=MAX_ACTION_LENGTH,
        description="What is to be done, and by when if it was said: one English phrase that begins with a verb.",
    )


class Answer(StrictAnswer):
    """One call, read. The sentences come before the labels, so that the labels are chosen with them in view."""

    summary: str = Field(
        min_length=1,
        max_length=MAX_SUMMARY_LENGTH,
        description=(
            "The call in two or three plain English sentences: what the customer wanted, what was done, how it ended. "
            "No names, addresses or numbers of accounts."
        ),
    )
    reason: str = Field(
        min_length=1,
        max_length=MAX_REASON_LENGTH,
        description="Why the customer called: one plain English sentence of at most 15 words.",
    )
    reason_category: ReasonCategory = Field(
        description=(
            "billing: charges, invoices, prices. technical_problem: something does not work. "
            "order_delivery: parcels, installations that were ordered. account_access: cannot log in. "
            "booking: makes or moves an appointment. cancellation: ends or pauses a contract. "
            "fraud_security: unknown charges, a taken-over account, scam calls. information: asks how something works "
            "or before buying. complaint: unhappy with people or service, not with one of the things above. "
            "other: wrong number, silence, anything else."
        )
    )
    outcome: Outcome = Field(
        description=(
            "resolved: it is settled when the call ends and nothing is left to do; so is an appointment that was only "
            "made or moved. follow_up: somebody still has to act. escalated: a supervisor or another team takes the "
            "case over, whatever else is left to do. unknown: the call breaks off or does not show how it ended."
        )
    )
    customer_sentiment_start: Sentiment = Field(description="How the customer sounds in the first third of the call.")
    customer_sentiment_end: Sentiment = Field(description="How the customer sounds when the call ends.")
    action_items: list[ActionItem] = Field(
        max_length=MAX_ACTIONS, description="Everything that is still to be done after the call; empty if nothing is."
    )
    language: str = Field(
        pattern=LANGUAGE_PATTERN,
        description=(
            "ISO 639-1 code of the language that the customer speaks, in lower case, such as 'en' or 'de'; "
            "'en' when nobody speaks."
        ),
    )


class ChunkNotes(StrictAnswer):
    """Notes of one part of a long call; the answer is made of them, so they carry what it can learn nowhere else."""

    notes: list[Annotated[str, Field(min_length=1, max_length=MAX_NOTE_LENGTH)]] = Field(
        min_length=1,
        max_length=MAX_NOTES,
        description=(
            "What a colleague has to know of this part, in English, in its order: wishes, facts, promises, decisions. "
            "Each at most 15 words, without names, addresses or numbers of accounts."
        ),
    )
    customer_sentiment: Sentiment = Field(description="How the customer sounds in this part.")
    language: str = Field(
        pattern=LANGUAGE_PATTERN,
        description="ISO 639-1 code of the language that the customer speaks; the notes are always in English.",
    )
