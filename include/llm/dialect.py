"""How a model wants to be asked: which parameters it takes and what they are called.

Guessed from the model's name, then learned from what it refuses: vendors add families faster than any table, and
behind a gateway a name says nothing. What only spells the same question differently (the name of the cap, a
temperature that is refused anyway, length keywords of the schema) may be learned at any time and is no part of an
answer's key. What changes the question (effort, room for thinking, strictness) is a part of it and is learned before a
run is planned.
"""

import re
from dataclasses import dataclass, replace
from typing import Any

from include.llm.provider_errors import INVALID_REQUEST, Refused, error_in

# On top of the answer, for a model that thinks: tokens of thinking count into the cap. At the lowest effort an
# extraction takes up to 2,000.
THINKING_TOKENS = 4_000
# From cheapest to dearest.
_EFFORTS = ("none", "minimal", "low", "medium", "high")
# gpt-5.5, openai/gpt-6-luna, ft:gpt-5-mini:team::1, o4-mini; not gpt-35-turbo, Azure's name of an older model.
_FAMILY = re.compile(r"(?:^|[/:])(?:o\d(?=-|$)|gpt-(?P<major>\d)(?:\.(?P<minor>\d+))?(?!\d))")
# They run at their only temperature, and without an effort they do not think.
_FIXED_TEMPERATURE = re.compile(r"^(o\d|gpt-5)")
_CAPS = ("max_tokens", "max_completion_tokens")
_NAMES = re.compile(
    r"\b(max_tokens|max_completion_tokens|temperature|reasoning_effort|reasoning\.effort|strict|minLength|maxLength"
    r"|response_format)\b"
)
_REFUSES = re.compile(
    r"support|unrecogni[sz]ed|unknown|permitted|not allowed|extra_forbidden|extraneous|deprecated|unexpected|should be"
    r"|must be",
    re.IGNORECASE,
)
# What is wrong with them is no parameter's fault.
_OTHER_FIELDS = re.compile(r"(body\.)?(messages|input|prompt|model)\b")
# The cap is known; its value does not fit.
_CAP_VALUE = re.compile(
    r"too (large|high|small|low)|at (least|most)|(less|greater) than|m(ax|in)imum|exceed|context", re.IGNORECASE
)
_NO_CHAT = re.compile(
    r"not a chat model|v1/responses|chat_?completions? operation does not work"
    r"|not support(ed)? (\w+ ){0,2}/?(v1/)?chat",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Refusal:
    """A parameter that an endpoint does not take as it was sent.

    Args:
        parameter: `max_tokens`, `max_completion_tokens`, `temperature`, `reasoning_effort`, `strict`,
            `length_keywords` or `response_format`.
        words: the endpoint's own.
    """

    parameter: str
    words: str


@dataclass(frozen=True)
class Dialect:
    """How one model at one endpoint is asked.

    Args:
        cap_name: what the cap on an answer is called.
        temperature: whether it is sent.
        length_keywords: whether the schema keeps `minLength` and `maxLength`.
        effort: `reasoning_effort`; None: not sent.
        thinking_tokens: room in the cap on top of the answer.
        strict: whether the schema is asked for with `strict`.
        refused: what the endpoint has refused so far, and is not tried again.
    """

    cap_name: str = "max_tokens"
    temperature: bool = True
    length_keywords: bool = True
    effort: str | None = None
    thinking_tokens: int = 0
    strict: bool = True
    refused: tuple[str, ...] = ()

    def __str__(self) -> str:
        said = [self.cap_name, "temperature 0" if self.temperature else "no temperature"]
        if self.effort:
            said.append(f"effort {self.effort}")
        if self.thinking_tokens:
            said.append(f"{self.thinking_tokens} tokens for thinking")
        return ", ".join(said if self.strict else [*said, "not strict"])

    @property
    def meaning(self) -> dict[str, Any]:
        """What of it shapes an answer, and so is a part of the answer's key."""
        effort = {} if self.effort is None else {"reasoning_effort": self.effort}
        return effort if self.strict else {**effort, "strict": False}

    def learn(self, refusal: Refusal, *, spelling_only: bool = False) -> "Dialect | None":
        """The dialect that does without what was refused; None where there is none.

        Args:
            spelling_only: the run is planned, and the meaning of its questions stays.
        """
        name = refusal.parameter
        if name in _CAPS:
            other = _CAPS[name == _CAPS[0]]
            if name != self.cap_name or other in self.refused:
                return None
            return replace(self, cap_name=other, refused=(*self.refused, name))
        if name == "temperature" and self.temperature:
            # Who refuses a temperature usually thinks, and by default at a medium effort.
            is_guess = not spelling_only and self.effort is None and not self.thinking_tokens
            return replace(self, temperature=False, effort="none" if is_guess else self.effort)
        if name == "length_keywords" and self.length_keywords:
            return replace(self, length_keywords=False)
        if spelling_only:
            return None
        if name == "reasoning_effort" and self.effort is not None:
            refused = (*self.refused, f"effort {self.effort}")
            offered = re.findall(rf"\b({'|'.join(_EFFORTS)})\b", refusal.words)
            effort = next((e for e in _EFFORTS if e in offered and f"effort {e}" not in refused), None)
            room = 0 if effort == "none" else THINKING_TOKENS
            return replace(self, effort=effort, thinking_tokens=room, refused=refused)
        return replace(self, strict=False) if name == "strict" and self.strict else None


def first_dialect(model: str, *, is_openai: bool) -> Dialect:
    """The dialect to begin with, by the name of the model.

    gpt-5.5 and later do not think when told so and refuse a temperature; gpt-5 and the o-series always think; all
    others are asked as they are, which for gpt-5.1 to 5.4 means without thinking.

    Args:
        model: the provider's name of it.
        is_openai: OpenAI renamed the cap, and its strict mode refuses length keywords; other servers know the old name
            and decode by the keywords.
    """
    effort = lowest_effort(model)
    return Dialect(
        cap_name=_CAPS[is_openai],
        temperature=takes_temperature(model),
        length_keywords=not is_openai,
        effort=effort,
        thinking_tokens=THINKING_TOKENS if effort in ("minimal", "low") else 0,
    )


def lowest_effort(model: str) -> str | None:
    """The least `reasoning_effort` that a model of this name takes; None: it does not think unless it is asked to."""
    family = _FAMILY.search(model)
    if family is None or "-chat" in model:
        return None
    if family["major"] is None:
        return "low"
    version = (int(family["major"]), int(family["minor"] or 0))
    if version >= (5, 5):
        return "none"
    return "minimal" if version == (5, 0) else None


def takes_temperature(model: str) -> bool:
    """Whether a model of this name is asked with a temperature at first; a part of the answer's key."""
    return lowest_effort(model) is None and not _FIXED_TEMPERATURE.match(model)


def refusal_of(refused: Refused) -> Refusal | None:
    """The parameter that an endpoint names when it refuses a request: in `param`, or only in its message.

    Args:
        refused: with the body of the response, and its words without what they repeat of the text.

    Returns:
        None when the request was refused for something else.
    """
    param, words = str(error_in(refused.raw).get("param") or ""), refused.message
    if refused.error_type != INVALID_REQUEST or _OTHER_FIELDS.match(param):
        return None
    named = _NAMES.search(param) or (_NAMES.search(words) if _REFUSES.search(words) else None)
    if named is None:
        return None
    name = named.group()
    if name in _CAPS and _CAP_VALUE.search(words) and not re.search("unsupported|unknown|unrecogni", words, re.I):
        return None
    if name == "response_format":
        inner = re.search(r"\b(minLength|maxLength|strict)\b", f"{param} {words}")
        name = inner.group() if inner else name
    if name in ("minLength", "maxLength"):
        name = "length_keywords"
    return Refusal("reasoning_effort" if name == "reasoning.effort" else name, words)


def has_no_chat(words: str) -> bool:
    """Whether an endpoint says that a model does not answer chat completions at all.

    Args:
        words: the endpoint's own.
    """
    return _NO_CHAT.search(words) is not None
