"""From a Pydantic model to a strict JSON schema, and from the model's JSON back to a validated answer.

A quote is verbatim by construction: the text goes out with its sentences numbered, the answer gives a number, and
the sentence is looked up here. A field becomes a quote by its type:

    class Answer(BaseModel):
        quote: QuotedSentence                      # always a sentence
        escalation_quote: QuotedSentence | None    # a sentence, or nothing

Stored answers hold the sentence's text under the same name.
"""

import functools
import re
import typing
import unicodedata
from collections.abc import Collection, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from include.errors import Quarantine

# Longer stretches without punctuation are cut at a space, so that a quote stays short enough to print.
MAX_SENTENCE_CHARACTERS = 300
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|(?<=[。！？])|\s*\n+\s*")
# Bidirectional overrides can make a stored answer read as something else on screen.
_UNWANTED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
# Strict schemas need not have them: every answer is checked here too.
LENGTHS = ("minLength", "maxLength")


class _QuoteMark:
    """Marks an integer field as the number of a sentence."""


QuotedSentence = Annotated[
    int, Field(ge=1, description="Number of the sentence of the text that shows this, as in [3]."), _QuoteMark()
]


class StrictAnswer(BaseModel):
    """What every answer model inherits: no extra fields, no conversions such as "3" to 3."""

    model_config = ConfigDict(extra="forbid", strict=True)


def is_quote(info: FieldInfo) -> bool:
    """Whether a field is a `QuotedSentence`, optional or not."""
    if any(isinstance(mark, _QuoteMark) for mark in info.metadata):
        return True
    return any(
        isinstance(mark, _QuoteMark)
        for option in typing.get_args(info.annotation)
        for mark in getattr(option, "__metadata__", ())
    )


def item_model(info: FieldInfo) -> type[BaseModel] | None:
    """The element model of a `list[Model]` field, else None."""
    if typing.get_origin(info.annotation) is list:
        element = typing.get_args(info.annotation)[0]
        if isinstance(element, type) and issubclass(element, BaseModel):
            return element
    return None


def element_fields(name: str, info: FieldInfo) -> dict[str, FieldInfo]:
    """The fields of a list's elements: those of its model, or one that bears the list's name; none if it is no list."""
    if typing.get_origin(info.annotation) is not list:
        return {}
    element = item_model(info)
    if element is None:
        return {name: FieldInfo.from_annotation(typing.get_args(info.annotation)[0])}
    return dict(element.model_fields)


@functools.cache
def quote_paths(answer: type[BaseModel]) -> list[tuple[str, ...]]:
    """Where the quotes of an answer are: `("quote",)` or, within a list of models, `("feedback", "quote")`."""
    paths: list[tuple[str, ...]] = []
    for name, info in answer.model_fields.items():
        element = item_model(info)
        if is_quote(info):
            paths.append((name,))
        elif element is not None:
            paths.extend((name, inner) for inner, inner_info in element.model_fields.items() if is_quote(inner_info))
    return paths


def split_sentences(text: str) -> list[str]:
    """Cut a text into sentences; each is a verbatim slice of it, without the white space around."""
    sentences: list[str] = []
    for sentence in _cut(text):
        while len(sentence) > MAX_SENTENCE_CHARACTERS:
            space = sentence.rfind(" ", 1, MAX_SENTENCE_CHARACTERS)
            end = space if space > 0 else MAX_SENTENCE_CHARACTERS
            sentences.append(sentence[:end].strip())
            sentence = sentence[end:].strip()
        if sentence:
            sentences.append(sentence)
    return sentences


def _cut(text: str) -> list[str]:
    pieces, start = [], 0
    for match in _SENTENCE_END.finditer(text):
        # Closing quotes and brackets belong to the sentence before them.
        end = match.start() + len(match.group().rstrip()) if match.group().strip() else match.start()
        pieces.append(text[start:end].strip())
        start = match.end()
    pieces.append(text[start:].strip())
    return [piece for piece in pieces if piece]


def number_sentences(sentences: Sequence[str]) -> str:
    """`[1] First sentence. [2] Second one.` as the model sees it, one sentence a line."""
    return "\n".join(f"[{number}] {sentence}" for number, sentence in enumerate(sentences, 1))


def json_schema(answer: type[BaseModel], *, length_keywords: bool) -> dict[str, Any]:
    """Strict JSON schema of an answer: every field required, no further ones.

    Args:
        answer: the answer model.
        length_keywords: keep `minLength` and `maxLength`. llama.cpp and vLLM decode by them; the strict mode of
            api.openai.com does not take them, so there they are checked only after the answer came.
    """
    from openai import pydantic_function_tool

    tool = pydantic_function_tool(answer, name="answer")
    schema = dict(tool["function"]["parameters"])
    schema.pop("description", None)
    return schema if length_keywords else without_keywords(schema, LENGTHS)


def without_keywords(schema: dict[str, Any], keywords: Collection[str]) -> dict[str, Any]:
    """A schema that an endpoint takes which refuses some keywords.

    Args:
        keywords: left out wherever they stand; with `$ref` among them what is referred to is put in its place.
    """
    references, definitions = {"$ref", "$defs"}, schema.get("$defs", {})
    keywords = {*keywords, *references} if references & set(keywords) else keywords

    def reduced(node: Any) -> Any:
        if isinstance(node, list):
            return [reduced(child) for child in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node and "$ref" in keywords:
            node = {**definitions[node["$ref"].rpartition("/")[2]], **node}
        # Under "properties" the keys are field names, which may well be called maxLength.
        return {
            key: {name: reduced(field) for name, field in child.items()} if key == "properties" else reduced(child)
            for key, child in node.items()
            if key not in keywords
        }

    return dict(reduced(schema))


def parse_answer(answer: type[BaseModel], content: str, sentences: Sequence[str]) -> dict[str, Any]:
    """Validate the model's JSON strictly and look its quotes up.

    Args:
        answer: the answer model.
        content: the assistant's message.
        sentences: the numbered sentences that were sent; empty when the pipeline quotes nothing.

    Returns:
        The answer as it is stored: field name to value, quotes as text, control characters removed.

    Raises:
        Quarantine: `not_json`, `schema_violation` or `quote_out_of_range`; its message can be shown to the model.
    """
    try:
        validated = answer.model_validate_json(content, strict=True)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        if first["type"] == "json_invalid":
            raise Quarantine("not_json", f"The answer is not valid JSON: {first['msg']}", content) from None
        where = ".".join(str(part) for part in first["loc"])
        message = f"{error.error_count()} fields do not fit the schema, first {where or 'the whole'}: {first['msg']}"
        raise Quarantine("schema_violation", message, content) from None
    except RecursionError:
        raise Quarantine("not_json", "The answer is nested too deeply.", content) from None
    stored = validated.model_dump(mode="json")
    for path in quote_paths(answer):
        for holder in stored[path[0]] if len(path) == 2 else [stored]:
            number = holder[path[-1]]
            if number is not None and not 1 <= number <= len(sentences):
                raise Quarantine(
                    "quote_out_of_range",
                    f"{'.'.join(path)} names sentence {number}, but the text has sentences 1 to {len(sentences)}.",
                    content,
                )
            holder[path[-1]] = None if number is None else sentences[number - 1]
    return {name: _clean(value) for name, value in stored.items()}


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _UNWANTED.sub("", value)
    if isinstance(value, list):
        return [_clean(element) for element in value]
    if isinstance(value, dict):
        return {name: _clean(element) for name, element in value.items()}
    return value


def fold(text: str) -> str:
    """A text as it is compared for quotes: Unicode compatibility forms, curly quotes and white space made alike, and
    without the characters that never reach the lake in an answer."""
    folded = unicodedata.normalize("NFKC", _UNWANTED.sub("", text)).translate(_QUOTE_MARKS)
    return " ".join(folded.split()).casefold()


_QUOTE_MARKS = str.maketrans({"‘": "'", "’": "'", "‚": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"'})
