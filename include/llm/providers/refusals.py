"""What of a question an endpoint does not take, in the words of many.

OpenAI names the parameter in `param`; gateways, FastAPI, Gemini and llama.cpp only in their message.
"""

import re
from dataclasses import dataclass

from include.llm.providers.dialect_settings import CAPS, GROUPS
from include.llm.providers.error_body import error_in
from include.llm.providers.provider_errors import INVALID_REQUEST, Refused

_NAMES = re.compile(
    r"\b(max_tokens|max_completion_tokens|temperature|reasoning[._]?effort|strict"
    r"|tools?|tool_choice|function[ _]call(?:ing|s)?"
    r"|response[_ ]?format|json_schema|json_object|json[ _]mode|structured[ _]outputs?|guided[ _]\w+|grammars?|schemas?"
    r"|output[_ ]format|output_?config|any_?of|one_?of|all_?of)\b",
    re.IGNORECASE | re.ASCII,
)
_REFUSES = re.compile(
    r"support|unrecogni[sz]ed|unknown|permitted|not allowed|extra_forbidden|extraneous|deprecated|unexpected|should be"
    r"|must be|(un|not )available|only available|not enabled|not implemented|not one of|disabled|\brequires\b"
    r"|only \S+ (is|are) allowed|may only be|enabled only|out of range|非法|不支持",
    re.IGNORECASE,
)
# Said of a schema, or of decoding by it, whatever is wrong with it.
_FAILS = re.compile(
    # Not in names such as invalid_request_error and BadRequestError, which stand before anything.
    r"\b(fail(s|ed|ure)?|errors?|invalid|unable|cannot|can't)\b|too (complex|large|deep|many)",
    re.IGNORECASE,
)
_OF_STRUCTURE = re.compile(
    r"response[_ ]?format|json[_ ](schema|mode)|json_object|structured|guided|grammar|schema|(any|one|all)_?of\b"
    r"|output[_ ]format|output_?config",
    re.IGNORECASE,
)
# What else fails in a server has schemas and formats too.
_CLEARLY = re.compile(
    r"response[_ ]?format|json[_ ](schema|mode|object)|structured[_ ]output|guided[_ ]|grammar|tools? (param|use|call)"
    r"|tool_choice|support\w* tools?\b",
    re.IGNORECASE,
)
_OF_SCHEMA = re.compile(r"grammar|\bschema|\b(any|one|all)_?of\b", re.IGNORECASE)
# Plain words among the keywords count in quotes or in a list of properties only.
_KEYWORD = re.compile(
    r"(?<![a-z])(min_?length|max_?length|min_?items|max_?items|unique_?items|exclusive_?(?:min|max)imum|multiple_?of"
    r"|additional_?properties|\$ref|\$defs)\b"
    r"|(?:['\"`]|\b(?:propert(?:y|ies)|keywords?|fields?)[\s:]+)(minimum|maximum|pattern|format)\b",
    re.IGNORECASE,
)
_REFUSES_KEYWORD = re.compile(
    r"not? (yet )?(support|permit|allow|implement|recogni)|unsupported|unrecogni|unknown|unexpected|extra",
    re.IGNORECASE,
)
# Who says so knows `response_format`, and does not take this type of it.
_OTHER_TYPE = re.compile(r"json[_ ]|structured|response_format['\"`]?[. ]{1,2}type", re.IGNORECASE)
# Addresses, and pages that are pointed to, name what they like.
_URL = re.compile(r"https?://\S+")
# OpenRouter's words where nobody behind it takes what was sent.
_NOBODY = re.compile(r"no (endpoints|providers?)\b.{0,60}\brequested parameters", re.IGNORECASE)
_STRUCTURE = frozenset({"response_format", "schema", "keywords", "tools", "strict"})
# What is wrong with them is no parameter's fault.
_OTHER_FIELDS = re.compile(r"(body\.)?(messages|input|prompt|model)\b")
# The cap is known; its value does not fit.
_CAP_VALUE = re.compile(
    r"too (large|high|small|low)|at (least|most)|(less|greater) than|m(ax|in)imum|exceed|context|range", re.IGNORECASE
)
_NO_CHAT = re.compile(
    r"not a chat model|v1/responses|chat_?completions? operation does not work"
    r"|not support(ed)? (\w+ ){0,2}/?(v1/)?chat",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Refusal:
    """A part of a question that an endpoint does not take as it was sent.

    Args:
        parameter: `max_tokens`, `max_completion_tokens`, `temperature`, `reasoning_effort`, `strict`; `keywords` or
            `schema` for what stands in the schema; `response_format` or `tools` for the way that it is sent;
            `the question` where the words do not tell.
        words: the endpoint's own.
        keywords: of the schema, that it names; with others of their group.
    """

    parameter: str
    words: str
    keywords: tuple[str, ...] = ()

    @property
    def is_of_type_only(self) -> bool:
        """Whether `response_format` is known, and only its type refused."""
        return _OTHER_TYPE.search(self.words) is not None


def refusal_of(refused: Refused) -> Refusal | None:
    """The part that an endpoint names when it refuses a request: in `param`, or only in its message.

    Args:
        refused: with the body of the response, and its words without what they repeat of the text.

    Returns:
        None when the request was refused for something else.
    """
    param, words = str(error_in(refused.raw).get("param") or ""), _URL.sub("", refused.message)
    if refused.error_type != INVALID_REQUEST or _OTHER_FIELDS.match(param):
        return None
    named = _NAMES.search(param)
    if named is None or named.group() == "response_format":
        return _refusal_in(words, param)
    return _refusal(named.group(), words, param)


def may_be_of_structure(refused: Refused) -> bool:
    """Whether a request was refused in words that tell nothing: another structure is then worth a try."""
    param = str(error_in(refused.raw).get("param") or "")
    return refused.error_type == INVALID_REQUEST and not _OTHER_FIELDS.match(param) and not has_no_chat(str(refused))


def structure_refused(words: str) -> Refusal | None:
    """What of the structure is refused by a server that says so with another status, such as 500, 501 or 404.

    Args:
        words: the endpoint's own, and maybe ours around them.
    """
    words = _URL.sub("", words)
    if _NOBODY.search(words):
        return Refusal("response_format", words)
    refusal = _refusal_in(words) if _CLEARLY.search(words) else None
    return refusal if refusal and refusal.parameter in _STRUCTURE else None


def _refusal_in(words: str, param: str = "") -> Refusal | None:
    if _REFUSES_KEYWORD.search(words) and (keywords := _keywords_in(f"{param} {words}")):
        return Refusal("keywords", words, keywords)
    if _REFUSES.search(words):
        named = _NAMES.search(f"{param} {words}")
        return _refusal(named.group(), words, param) if named else None
    if _FAILS.search(words) and _OF_STRUCTURE.search(words):
        return Refusal("schema" if _OF_SCHEMA.search(words) else "response_format", words)
    return None


def _refusal(name: str, words: str, param: str) -> Refusal | None:
    name = name.lower()
    if name in CAPS and _CAP_VALUE.search(words) and not re.search("unsupported|unknown|unrecogni", words, re.I):
        return None
    is_of_tools = name.startswith(("tool", "function"))
    if is_of_tools or _OF_STRUCTURE.match(name):
        if re.search(r"\bstrict\b", f"{param} {words}", re.IGNORECASE):
            name = "strict"
        elif is_of_tools and not _OF_STRUCTURE.search(words):
            name = "tools"
        else:
            name = "schema" if _OF_SCHEMA.search(words) else "response_format"
    return Refusal("reasoning_effort" if name.startswith("reasoning") else name, words)


def _keywords_in(said: str) -> tuple[str, ...]:
    named = {(long or plain).lower().replace("_", "") for long, plain in _KEYWORD.findall(said)}
    groups = [group for group in GROUPS if named & {keyword.lower() for keyword in group}]
    return tuple(keyword for group in groups for keyword in group)


def has_no_chat(words: str) -> bool:
    """Whether an endpoint says that a model does not answer chat completions at all.

    Args:
        words: the endpoint's own.
    """
    return _NO_CHAT.search(words) is not None
