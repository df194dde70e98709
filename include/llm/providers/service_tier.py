"""`service_tier`: the tier that a call is asked for at, and how providers say that it has no room.

Flex is the ordinary call at the price of a batch: slower, and refused while the provider is busy. It stands in the body
only and is no part of an answer's key, because the question is the same.

- OpenAI: 429 "Resource Unavailable", not charged; answers may take a quarter of an hour
  (https://developers.openai.com/api/docs/guides/flex-processing)
- Azure: 400 for a model without it (https://learn.microsoft.com/azure/foundry/openai/how-to/flex-processing)
- Groq: 498 `capacity_exceeded`, at the standard price (https://console.groq.com/docs/flex-processing)
- Gemini: 503 `UNAVAILABLE` (https://ai.google.dev/gemini-api/docs/flex-inference)
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

ONLINE, FLEX = "online", "flex"
# How a run may be asked to go.
MODES = (ONLINE, FLEX)
# The tier of the list price, by OpenAI's name.
STANDARD = "default"
# As OpenAI advises.
FLEX_TIMEOUT_SECONDS = 900.0
# At the end of a body that asks for flex.
_AT_FLEX = b',"service_tier":"flex"}'
_UNAVAILABLE = re.compile(r"resource[ _-]?unavailable|capacity[ _-]?exceeded", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NoRoom:
    """Flex has no room for this call. Nothing is charged; it says nothing about the pace, and nothing about the record.

    Args:
        message: one line for people.
        retry_after_seconds: how long the server asks to wait, if it says.
    """

    reason: ClassVar[str] = "no_room_at_flex"
    message: str
    retry_after_seconds: float | None = None

    def __str__(self) -> str:
        return self.message


def at_tier(body: bytes, tier: str | None) -> bytes:
    """JSON of a request, asked for at a tier; None: at the one that the account has by default."""
    return body if tier is None else b'%s,"service_tier":"%s"}' % (body[:-1], tier.encode())


def says_no_room(status: int, names: Sequence[str], message: str, sent: bytes) -> bool:
    """Whether a refusal is flex's own and not the rate limit's or the server's.

    Args:
        names: machine-readable names of the error, in lower case.
        message: the provider's.
        sent: body of the request; nothing that did not ask for flex is refused by it.
    """
    if not sent.endswith(_AT_FLEX):
        return False
    if status == 429:
        return bool(_UNAVAILABLE.search(" ".join([*names, message])))
    return status == 498 or (status == 503 and "unavailable" in names)
