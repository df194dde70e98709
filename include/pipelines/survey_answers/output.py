"""What the model answers for one free-text answer of a survey."""

from typing import Literal

from pydantic import Field

from include.answer.structured_output import QuotedSentence, StrictAnswer

MAX_SENTENCE_LENGTH = 160
LANGUAGE_PATTERN = "^[a-z]{2}$"

Kind = Literal["praise", "problem", "suggestion", "question", "no_answer"]
Theme = Literal[
    "room",
    "cleanliness",
    "sleep",
    "food",
    "staff",
    "check_in_out",
    "price",
    "location_parking",
    "technology",
    "facilities",
    "booking",
    "general",
    "other",
]
Sentiment = Literal["positive", "neutral", "negative", "mixed"]
Weight = Literal["low", "medium", "high"]


class Answer(StrictAnswer):
    """One survey answer, read. Sentence and summary come first, so that the labels are chosen with them in view."""

    quote: QuotedSentence | None = Field(
        description=(
            "Number of the one sentence that carries the main point, as in [2]; preferably one without personal data. "
            "null for kind no_answer."
        )
    )
    summary: str = Field(
        min_length=1,
        max_length=MAX_SENTENCE_LENGTH,
        description=(
            "The main point in one plain English sentence of at most 18 words, whatever the answer's language. "
            "No names of people and nothing that the guest does not say. 'Says nothing.' for kind no_answer."
        ),
    )
    suggestion: str = Field(
        max_length=MAX_SENTENCE_LENGTH,
        description=(
            "What the guest asks us to do or to change: one plain English sentence of at most 15 words that starts "
            "with a verb. An empty text when they ask for nothing; do not invent a remedy."
        ),
    )
    kind: Kind = Field(
        description=(
            "What the main point is. problem: something was wrong, missing or let them down. "
            "suggestion: nothing went wrong, but something would be nice. praise: liked something. "
            "question: wants to know something. no_answer: says nothing, as in 'n/a', 'none', '-' or random letters."
        )
    )
    theme: Theme = Field(
        description=(
            "What the main point is about; the narrowest that fits. "
            "room: furniture, bathroom, heating, view. cleanliness: dirt, smells, insects, linen. "
            "sleep: bed, noise, light. food: breakfast, restaurant, bar. staff: how people treated them. "
            "check_in_out: arriving, leaving, keys, waiting. price: what it costs, charges, deposits, bills. "
            "location_parking: the place, the way there, parking. technology: internet, television, sockets, the app. "
            "facilities: pool, sauna, lift, gym, what is there for children or pets, access for all. "
            "booking: the website, the offer, changes and cancellations. "
            "general: the stay as a whole, or no_answer. other: none of these."
        )
    )
    sentiment: Sentiment = Field(
        description=(
            "How the guest sounds. mixed: clear praise and clear criticism in one answer. neutral: neither. "
            "Irony counts as what it means; the score that they gave is not known to you."
        )
    )
    weight: Weight = Field(
        description=(
            "high: will not come back, lost money or a night, or somebody's safety or dignity suffered. "
            "medium: a real nuisance that a next guest would meet too. "
            "low: small things, wishes, questions, praise and no_answer. Judge what happened, not how loudly."
        )
    )
    language: str = Field(
        pattern=LANGUAGE_PATTERN,
        description=(
            "ISO 639-1 code of the language that the guest writes in, in lower case, such as 'en' or 'de'. "
            "'xx' when there are no words."
        ),
    )
