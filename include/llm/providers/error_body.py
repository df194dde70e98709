"""What the other side says when it gives no answer, whichever way its server wraps it, fit to be shown to people."""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from include.llm.endpoint import Endpoint

# Of an endpoint's own words: a sentence or two.
MOST_WORDS = 400
# So many characters in a row that were sent are the text, not the provider's words; of a shorter line, such as all of a
# short text, the whole, if it is more than a word.
_ECHO, _SHORTEST_ECHO = 16, 8
# Below each other in an error: more is no error, and deeper than a library writes it.
_MOST_LEVELS = 20
# Of a wrapper; what else stands in an error is worth showing where nothing is said.
_WRAPPING = frozenset({"message", "detail", "msg", "code", "type", "param", "status", "error", "object", "request_id"})


def error_in(raw: bytes) -> dict[str, Any]:
    """The error object in the body of a response; its `message` is what is said, even if that is the JSON itself.

    OpenAI and most others: `{"error": {...}}`; Gemini the same in a list; Ollama, TGI and xAI: `{"error": "..."}`;
    FastAPI `{"detail": ...}`; Mistral, Cohere and Bedrock `{"message": ...}`; Cloudflare `{"errors": [{...}]}`; a
    gateway any of them as text in its own message; a proxy HTML.
    """
    try:
        body = orjson.loads(raw)
    except ValueError:
        return {"message": _without_tags(raw[:20_000].decode("utf-8", "replace"))}
    body = body[0] if isinstance(body, list) and body and isinstance(body[0], dict) else body
    if not isinstance(body, dict):
        return {"message": _as_text(body)} if body else {}
    several = body.get("errors")
    error = body.get("error") or (several[0] if isinstance(several, list) and several else body)
    if not isinstance(error, dict):
        return {**body, "message": _as_text(error)}
    while isinstance(error.get("error"), dict):
        error = error["error"]
    message = error.get("message") or error.get("detail") or error.get("msg")
    if isinstance(message, str) and message.lstrip().startswith("{"):
        return {**error, **error_in(message.encode())}
    # OpenRouter hands the words of the provider behind it on; Gemini says only in its details which limit it is.
    behind = error["metadata"].get("raw") if isinstance(error.get("metadata"), dict) else None
    quotas = [breach.get("quotaId") for detail in _all(error, "details") for breach in _all(detail, "violations")]
    if not (message or behind) and error.keys() - _WRAPPING:
        message = {name: value for name, value in error.items() if value}
    return {**error, "message": ": ".join(_as_text(part) for part in (message, behind, *quotas) if part)}


def names_of(error: Mapping[str, Any]) -> tuple[str, ...]:
    """The machine-readable names of an error, in lower case, most telling first."""
    inner, metadata = error.get("innererror"), error.get("metadata")
    # llama.cpp puts the status into `code` and the reason into `type`.
    found = [error.get("code"), inner.get("code") if isinstance(inner, dict) else None]
    found += [error.get("type"), error.get("status"), *(detail.get("reason") for detail in _all(error, "details"))]
    found += [name for name in ("flagged_input", "reasons") if isinstance(metadata, dict) and name in metadata]
    return tuple(name.lower() for name in found if isinstance(name, str) and name and not name.isdigit())


def provider_words(error: Mapping[str, Any], endpoint: Endpoint, sent: bytes = b"") -> str:
    """What the provider says, fit to be shown: short, in one line, without a key and without the text that was sent."""
    words = " ".join(str(error.get("message") or "").split())[: 10 * MOST_WORDS]
    words = "".join(character for character in words if character.isprintable())
    words = re.sub(r"\b(sk|key|gsk|xai|AIza)[-_][\w*-]{6,}", "***", endpoint.without_key(words))
    words = without_echo(words, sent)
    return words if len(words) <= MOST_WORDS else f"{words[:MOST_WORDS]}..."


def without_echo(words: str, sent: bytes, but: str = "system") -> str:
    """Words without what they repeat of the messages that were sent; `but` is the role whose messages may be shown."""
    messages = orjson.loads(sent)["messages"] if sent else []
    contents = [str(message["content"]) for message in messages if message["role"] != but]
    for line in {line.strip() for content in contents for line in content.splitlines()}:
        if _SHORTEST_ECHO <= len(line) < _ECHO and " " in line:
            words = words.replace(line, "[...]")
    texts = [" ".join(content.split()) for content in contents if content]
    # Whatever is an echo holds one of these pieces, and most words are none.
    half = _ECHO // 2
    if not any(words[at : at + half] in text for at in range(0, len(words) - half + 1, half) for text in texts):
        return words

    def is_echo(at: int) -> bool:
        piece = words[at : at + _ECHO]
        return len(piece) == _ECHO and any(piece in text for text in texts)

    kept: list[str] = []
    at = 0
    while at < len(words):
        if not is_echo(at):
            kept.append(words[at])
            at += 1
            continue
        at += _ECHO
        while at < len(words) and is_echo(at - _ECHO + 1):
            at += 1
        kept.append("[...]")
    return "".join(kept)


def _all(found: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    items = found.get(name)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(said_in(value)).decode()


def said_in(value: Any, levels: int = _MOST_LEVELS) -> Any:
    """What an error says, without the `input` of FastAPI, which is what was sent; of brackets without end the first."""
    if isinstance(value, list | dict) and not levels:
        return "..."
    if isinstance(value, list):
        return [said_in(item, levels - 1) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: said_in(item, levels - 1) for name, item in value.items() if name != "input"}


def _without_tags(page: str) -> str:
    page = re.sub(r"(?is)<(script|style)\b.*?</\1>", " ", page)
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())
