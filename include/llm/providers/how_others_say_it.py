"""How others say it: what a response that is no answer means, as one table, read from the top.

A row is met by one of its statuses and by one of its codes or its phrase; a row with neither by its statuses alone. So
what a name or a sentence says goes before what the bare status says. Phrases are looked for in the other side's own
words, without what they repeat of the text that was sent. What each vendor has been seen to say is kept as a test.
"""

import functools
import re
from collections.abc import Container
from typing import NamedTuple

# The names under which one record may be refused.
TOO_LONG, TOO_LARGE, MODERATED, UNFIT = "too_long", "too_large", "moderated", "json_validate_failed"
FORBIDDEN, PAYMENT_REQUIRED, INVALID_REQUEST = "forbidden", "payment_required", "invalid_request"
# What hits everybody, and what passes.
KEY, MODEL, MODEL_GONE, NOT_ALLOWED, REDIRECT, QUOTA = "key", "model", "model_gone", "not_allowed", "redirect", "quota"
LONG_LIMIT, RATE, BUSY = "long_limit", "rate", "busy"


class Row(NamedTuple):
    """One row of the table.

    Args:
        kind: what it means.
        statuses: of the response.
        codes: machine-readable names, in lower case, with spaces between them.
        phrase: regular expression, in any case, of what is said or of a name.
    """

    kind: str
    statuses: Container[int]
    codes: str = ""
    phrase: str = ""


_ANY, _REFUSED = range(300, 600), frozenset(range(400, 500)) - {429}
_KEY = r"api[ _-]key[ _](is )?(not valid|invalid|expired)|(incorrect|invalid)[ _]api[ _-]key"
# A parameter that is not known, or the value of a cap: it is how we ask, not the text, whatever else is named.
_PARAMETER = (
    r"^unsupported (parameter|value)|^invalid '(?!messages|input|prompt)|maximum allowed number of output tokens"
    r"|max(imum |_)tokens (\(\d+\)|you requested) exceed|^(?!.*(\b(inputs?|prompt|messages)\b|got -)).*max\w*_?tokens?"
    r"\W.{0,60}(too large|at (most|least)|must be|should be|valid range|supported range|less than)"
)
# Of a model, and not of a parameter that it does or does not take.
_OF_MODEL = r"\b(model|engine|deployment)\b((?!param|argument|field|format|temperature|token).){0,80}?"
_ENDED = (
    rf"{_OF_MODEL}\b(has been|was|is) (deprecated|decommissioned|retired|removed|shut ?down|sunset|discontinued"
    r"|no longer (available|supported))|end of (its )?life"
)
_NO_MODEL = (
    rf"{_OF_MODEL}(not exist|not found\b)|not a valid model|invalid model (name|id)|model identifier is invalid"
    r"|no endpoints found|access to (the |this )?model"
)
_PLACE = (
    r"country, region,? or territory|location is not supported|not available in your (country|region)|virtual network"
    r"|organization (has been|was|is) (disabled|restricted)|terms acceptance"
)
_MONEY = (
    r"insufficient[_ ](balance|credits?|funds|(user_)?quota)|balance is too low|used all (available|your) credits"
    r"|spending limit|hard[_ ]limit[_ ](has been )?reached|(billing|account) is not active|billing_not_active"
    r"|budget[_ ](has been )?exceeded|over budget|in good standing|credits are required|key limit exceeded"
    r"|requires (more credits|a subscription)|api usage limits|included credits|free tier of the model has been"
    r"|bill is overdue|余额不足"
)
_DAY = (
    r"per[- _]?(day|week|month)\b|/ ?(day|month)\b|\b(TPD|RPD|daily|monthly|weekly)\b|by ?day\b|\b86400 ?s"
    r"|(token|request)_quota_exceeded"
)
_LONG = (
    r"context[ _-]?(length|window|size|limit)|maximum (allowed )?(model|prompt|input|sequence) length"
    r"|range of input length|too many (input |prompt )?tokens|(prompt|input|message|text|string)s?\b[^.]{0,60}"
    r"\btoo long|token (count|limit)[^.]{0,60}(exceed|maximum)|exceed\w* [^.]{0,40}\btokens?\b|reduce the length of"
    r"|tokens?\b[^.]{0,60}\b(exceeds?|must be (<=|less))|current length is \d+ while limit is|at least 1, got -"
)
_MODERATION = (
    r"content[ _-]?(management |safety )?(policy|filter)|content exists risk|moderation|flagged|usage (polic|guide)"
    r"|(inappropriate|sensitive|prohibited) content|safety (system|filter|settings)|sensitive[_ ]words"
    r"|data_inspection|responsibleaipolicy"
)
_BUSY = r"overloaded(?! with)|is (currently )?loading|loading model|no capacity|high demand|temporarily unavailable"

TABLE = (
    Row(KEY, {401}),
    Row(KEY, {400, 403}, "authentication_error", _KEY),
    Row(INVALID_REQUEST, _REFUSED, "unsupported_parameter unsupported_value unknown_parameter", _PARAMETER),
    Row(MODEL_GONE, _REFUSED, "model_decommissioned", _ENDED),
    Row(MODEL_GONE, {410}),
    # Of a gateway too, with whatever status.
    Row(MODEL, _ANY, "model_not_found invalid_model deploymentnotfound model_not_available"),
    Row(MODEL, _REFUSED, "key_model_access_denied", _NO_MODEL),
    Row(NOT_ALLOWED, _REFUSED, "organization_restricted model_terms_required", _PLACE),
    Row(UNFIT, _REFUSED, "json_validate_failed"),
    Row(TOO_LARGE, {400, 413, 429}, "request_too_large", r"(request|payload|entity|body) (is )?too large"),
    # A 429 is money, a day's or a month's allowance, or congestion.
    Row(QUOTA, {429}, "", rf"{_MONEY}|\blimit: 0\b"),
    Row(LONG_LIMIT, {429}, "", r"[a-z]PerDay"),
    Row(RATE, {429}, "", r"^(?!.*per[- _]?day.*per[- _]?min).*per[- _]?min"),
    Row(LONG_LIMIT, {429}, "", _DAY),
    Row(RATE, {429}, "", r"RESOURCE_EXHAUSTED|please retry in \d"),
    Row(QUOTA, {429}, "", r"exceeded your current quota"),
    Row(RATE, {429}),
    # Gateways put an error of their server into a 400, or into a 200 without a status.
    Row(TOO_LONG, {400, 413, 422, 500}, "string_above_max_length prompt_too_long input_too_long", _LONG),
    Row(PAYMENT_REQUIRED, _REFUSED, "billing_error arrearage", rf"{_MONEY}|exceeded your current quota"),
    Row(MODERATED, _REFUSED, "invalid_prompt flagged_input reasons", _MODERATION),
    Row(BUSY, {400, 422}, "service_unavailable unavailable_error server_error internal_server_error", _BUSY),
    Row(REDIRECT, range(300, 400)),
    Row(MODEL, {404}),
    # 424 and 425: a model behind a gateway is still starting. 498: Groq's flex tier is full. 499: a proxy gave up.
    Row(BUSY, {408, 409, 424, 425, 498, 499, *range(500, 600)}),
    Row(PAYMENT_REQUIRED, {402}),
    Row(FORBIDDEN, {403}),
    Row(TOO_LARGE, {413}),
)
# A limit of tokens a minute that a single request is above: no wait mends it.
_ABOVE_LIMIT = re.compile(r"Limit:? (\d+), Requested:? (\d+)")


@functools.lru_cache(maxsize=256)
def kind_of(status: int, names: tuple[str, ...], words: str) -> str:
    """What a response means by the first row that it meets, else that the request is invalid.

    Args:
        status: of the response, not 200.
        names: machine-readable, in lower case, see `names_of`.
        words: of the other side.
    """
    amounts = _ABOVE_LIMIT.search(words) if status == 429 else None
    if amounts is not None and int(amounts[2]) > int(amounts[1]):
        return TOO_LARGE
    for kind, statuses, codes, phrase in TABLE:
        if status in statuses and (
            not (codes or phrase)
            or not set(names).isdisjoint(codes.split())
            or (phrase and any(re.search(phrase, said, re.IGNORECASE) for said in (words, *names)))
        ):
            return kind
    return INVALID_REQUEST
