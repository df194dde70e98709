"""What an endpoint's refusals lead to, for the first question of a run and for all others; see `how_others_say_it`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import orjson

from include.errors import EndpointUnusable, Quarantine, RetryLater, StopRun
from include.lake.effort import Usage
from include.limits.headers import MAX_RETRY_AFTER_SECONDS, asked_wait_seconds, wait_in_error
from include.llm.endpoint import Endpoint
from include.llm.providers import how_others_say_it as table
from include.llm.providers.error_body import error_in, names_of, provider_words, without_echo
from include.llm.providers.model_end import known_end
from include.llm.providers.service_tier import NoRoom, says_no_room

# Quarantined under these names a record has met the endpoint's refusal or no usable answer, which the fuse counts.
FORBIDDEN, PAYMENT_REQUIRED, INVALID_REQUEST = table.FORBIDDEN, table.PAYMENT_REQUIRED, table.INVALID_REQUEST
MALFORMED, ERROR_WITH_200, EMPTY, DEGENERATE = "malformed_response", "error_with_200", "empty_answer", "degenerate"
COUNTED_BY_FUSE = frozenset(
    # In ledgers of an earlier version some of the degenerate ones are called white_space.
    {FORBIDDEN, PAYMENT_REQUIRED, INVALID_REQUEST, MALFORMED, ERROR_WITH_200, EMPTY, DEGENERATE, "white_space"}
)
# What is said of one record, and what to do when it is said of all.
_REFUSED = {
    table.TOO_LONG: "The text does not fit into the model's context",
    table.TOO_LARGE: "The endpoint takes no request of this size",
    table.MODERATED: "The provider's moderation refused the text",
    PAYMENT_REQUIRED: "The endpoint wants to be paid first",
}
_REMEDY = {
    FORBIDDEN: "Check that the key may use this model, and whatever stands between here and the endpoint.",
    PAYMENT_REQUIRED: "Check the balance and the budget of the account or the gateway.",
}
# What stops the run at the first of them, and what to check.
_STOPS = {
    table.KEY: (
        "refuses the key",
        "Check OPENAI_API_KEY or the password of the Airflow connection openai_default, and that the key may use this "
        "model.",
    ),
    table.MODEL: (
        "does not know the model or the path",
        "Check NIGHTSHIFT_MODEL, the form's model, and that the base URL ends in /v1.",
    ),
    table.MODEL_GONE: ("does not serve the model any more", "Set NIGHTSHIFT_MODEL or the form's model to another one."),
    table.NOT_ALLOWED: (
        "does not let this account in",
        "Check the account's rights and terms, the region and the network that is asked from.",
    ),
    table.REDIRECT: ("redirects, and keys are not sent on", "Set OPENAI_BASE_URL to its target."),
    table.QUOTA: ("says that the quota is used up", "Check the plan and the billing of the account."),
}
# Of a message, that the table is looked up with.
MOST_CHARACTERS = 4_000
_REMEDY_OF_FORM = (
    "Check what this endpoint and model take. How they are asked is learned by `plan`, or set in NIGHTSHIFT_DIALECT: "
    "trigger the next run, or clear this one from `plan` on. What was answered is kept, and asked again only if it is "
    "then asked in another way."
)
KEPT = "What was answered is kept: the next run, or this task once it is cleared, asks for the rest only."


@dataclass(frozen=True, slots=True)
class PassingTrouble:
    """This call failed in a way that another one may not: 5xx, timeout, broken connection.

    Args:
        reason: short machine-readable name, which becomes the quarantine's `error_type` if it never passes.
        message: one line for people.
        reached_provider: whether the call counts as a request.
        retry_after_seconds: how long the server asks to wait, if it says.
        is_everybodys: whether it was overdue as all others were, so that nothing is held against this record.
    """

    reason: str
    message: str
    reached_provider: bool = True
    retry_after_seconds: float | None = None
    is_everybodys: bool = False

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True, slots=True)
class RateLimited:
    """429: too fast. Not an attempt.

    Args:
        retry_after_seconds: how long the server asks to wait, if it says.
        stop: what it is when nobody is answered: a limit a day or a month is used up, or the wait is too long.
    """

    reason: ClassVar[str] = "rate_limited"
    retry_after_seconds: float | None
    stop: StopRun | None = None

    def __str__(self) -> str:
        return f"429, retry after {self.retry_after_seconds} s"


# What another call mends is returned and not raised: where one call in three fails, exceptions and the cycles that
# their tracebacks leave cost as much as the calls.
Failure = PassingTrouble | RateLimited | NoRoom


class Refused(Quarantine):
    """The endpoint does not take this request. Whether it takes others decides whose trouble that is.

    Args:
        error_type: `too_long`, `too_large`, `moderated`, `forbidden`, `payment_required` or `invalid_request`.
        message: the status and the provider's own words.
        raw: body of the response.
    """

    def __init__(self, error_type: str, message: str, raw: bytes = b"") -> None:
        super().__init__(error_type, message)
        self.raw = raw

    def for_all(self, endpoint: Endpoint) -> StopRun:
        """What it is when nobody is answered."""
        remedy = f"{_REMEDY[self.error_type]} {KEPT}" if self.error_type in _REMEDY else _REMEDY_OF_FORM
        return EndpointUnusable(f"{endpoint.base_url} refuses every request: {self.message}. {remedy}")


class Unusable(Exception):
    """200, but nothing in it that could be an answer. It is paid for, so the same kind is asked for a few times only.

    Args:
        kind: short machine-readable name, which becomes the quarantine's `error_type`.
        message: one line for people.
        usage: tokens as the provider counted them, if it did.
        raw_output: what the model said, if it said anything.
        passes: whether the endpoint calls it trouble of its own, so that it may be over after a while.
        service_tier: on which the provider bills it, if it says.
    """

    def __init__(
        self,
        kind: str,
        message: str,
        usage: Usage | None = None,
        raw_output: str | None = None,
        passes: bool = False,
        service_tier: str | None = None,
    ) -> None:
        super().__init__(message)
        self.kind, self.message, self.usage = kind, message, usage or Usage()
        self.raw_output, self.passes, self.service_tier = raw_output, passes, service_tier

    @property
    def is_damage(self) -> bool:
        """Whether no model has said it, so that it is asked again as if nothing had been."""
        return self.kind in (MALFORMED, ERROR_WITH_200)

    def for_all(self, endpoint: Endpoint) -> StopRun | RetryLater:
        """What it is when nobody gets a usable answer."""
        said = f"{endpoint.base_url} gives nobody a usable answer: {self.message}."
        if self.passes:
            return RetryLater(f"{said} What was answered is kept, and the task's retry goes on from there.")
        return EndpointUnusable(f"{said} Check that this model answers with structured output. {KEPT}")


def failure_of(
    status: int, headers: Mapping[str, str], raw: bytes, endpoint: Endpoint, sent: bytes = b""
) -> Exception | Failure:
    """What a response that is not 200 means, by the table of `how_others_say_it`.

    Args:
        status: of the response, or as an error in the body of a 200 says.
        raw: body of the response.
        sent: body of the request, which must not be repeated to people and proves nothing when it is.
    """
    error = error_in(raw)
    names, message = names_of(error), " ".join(str(error.get("message") or "").split())
    if len(message) > MOST_CHARACTERS:
        # What a server repeats of a request stands before or behind its words, and may be megabytes.
        message = f"{message[: MOST_CHARACTERS // 2]} {message[-MOST_CHARACTERS // 2 :]}"
    kind = table.kind_of(status, names, message)
    # These two are what the bare status says: words less would change nothing, and in a storm they are many.
    if kind != table.RATE and not (kind == table.BUSY and status >= 500):
        kind = table.kind_of(status, names, without_echo(message, sent, but=""))
    wait = asked_wait_seconds(headers)
    wait = wait_in_error(error) if wait is None else wait
    if says_no_room(status, names, message, sent):
        return NoRoom(f"Flex has no room now ({status})", None if wait is None else min(wait, MAX_RETRY_AFTER_SECONDS))
    if kind == table.RATE and (wait or 0.0) <= MAX_RETRY_AFTER_SECONDS:
        return RateLimited(wait)
    words = provider_words(error, endpoint, sent)
    said = " ".join([str(status), *names[:1]]) + (f': "{words}"' if words else "")
    if kind in (table.RATE, table.LONG_LIMIT):
        return RateLimited(None, _long_limit(endpoint, said, wait))
    if kind == table.BUSY:
        wait = None if wait is None else min(wait, MAX_RETRY_AFTER_SECONDS)
        return PassingTrouble("server_error", f"The endpoint answered {said}", retry_after_seconds=wait)
    if kind == table.UNFIT:
        # Groq's name for an answer that did not fit the schema, with what the model wrote.
        text = error.get("failed_generation")
        said = f"The model's answer does not fit ({said})"
        return Unusable(kind, said, raw_output=text if isinstance(text, str) else None)
    if kind in _STOPS:
        what, check = _STOPS[kind]
        gone = _known_end(endpoint, sent) if kind in (table.MODEL, table.MODEL_GONE) else None
        if gone is not None:
            return EndpointUnusable(f"{gone} ({endpoint.base_url}: {said}). {_STOPS[table.MODEL_GONE][1]} {KEPT}")
        return EndpointUnusable(f"{endpoint.base_url} {what} ({said}). {check} {KEPT}")
    return Refused(kind, f"{_REFUSED.get(kind, 'The endpoint refused the request')} ({said})", raw)


def _long_limit(endpoint: Endpoint, said: str, wait: float | None) -> StopRun:
    frees = "It frees when the provider's day or month is over."
    # Of an allowance that frees drop by drop it says when the next drop falls.
    if wait is not None and wait > 60:
        hours, minutes = divmod(round(wait / 60), 60)
        frees = f"It asks to wait for about {f'{hours} h ' if hours else ''}{minutes} min."
    return EndpointUnusable(
        f"{endpoint.base_url} is at a limit that does not free soon ({said}). {frees} Raise the limit, or clear the "
        f"task then. {KEPT}"
    )


def _known_end(endpoint: Endpoint, sent: bytes) -> str | None:
    """That the model that was asked has ended, where its end is known beforehand."""
    model = orjson.loads(sent).get("model") if sent else None
    end = known_end(model, endpoint.base_url) if isinstance(model, str) else None
    return None if end is None or end.days_left() > 0 else end.sentence()
