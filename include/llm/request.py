"""The HTTP body of one question, and the key under which its answer is kept."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson
from pydantic import BaseModel

from include.answer.structured_output import json_schema, split_sentences, without_keywords
from include.llm.prompt import Prompt, with_above
from include.llm.providers.dialect import Dialect, takes_temperature
from include.llm.token_count import token_counter
from include.llm.usage import TOKENS_PER_MESSAGE

# How much longer an answer may be when the first one was cut off.
LONGER = 2
# Below the instructions where the schema is no parameter. Providers want to read the word JSON first.
ANSWER_IN_JSON = "Answer with one JSON object that fits this JSON schema, and with nothing else:"
# Temperature at which a model that is stuck gets out of it.
WARMER = 0.7
# What a question is about that only finds out whether it is answered.
TINY_TEXT = "OK"


@dataclass(frozen=True, slots=True)
class Prepared:
    """One text made ready to be asked about.

    Args:
        message: the user message, with the text and what stands above it between its marks.
        sentences: the sentences that quotes are looked up in; none when nothing is quoted.
        prompt_tokens: estimate for the whole prompt.
    """

    message: str
    sentences: list[str]
    prompt_tokens: int


@dataclass(frozen=True)
class Question:
    """Everything that is the same for all texts of one step: model, prompt, schema, parameters.

    Args:
        dialect: how the model wants to be asked.
        model: the provider's name of it.
        prompt: system message and examples.
        answer: model of the answer.
        max_output_tokens: cap on one answer, without what the model thinks.
        planned_schema: JSON schema of the answer as it was when the run was planned; None: as it is now.
    """

    dialect: Dialect
    model: str
    prompt: Prompt
    answer: type[BaseModel]
    max_output_tokens: int
    planned_schema: dict[str, Any] | None = None

    @cached_property
    def schema(self) -> dict[str, Any]:
        """Strict JSON schema of the answer, with length keywords."""
        return self.planned_schema or json_schema(self.answer, length_keywords=True)

    @cached_property
    def identity(self) -> str:
        """SHA-256 of all that shapes an answer but the text.

        Of the dialect only what means something counts, so that an answer is found again however its question was
        spelt. A temperature that a model refuses is spelling too: there is no other way to ask that model.
        """
        temperature = {"temperature": 0.0} if takes_temperature(self.model) else {}
        shaped_by = {
            "model": self.model,
            "messages": self.constant_messages,
            "schema": self.schema,
            "parameters": {**temperature, **self.dialect.meaning, "max_output_tokens": self.cap},
        }
        return hashlib.sha256(json.dumps(shaped_by, sort_keys=True).encode()).hexdigest()

    @property
    def cap(self) -> int:
        """Most tokens of one answer, thinking included."""
        return self.max_output_tokens + self.dialect.thinking_tokens

    def key(self, text: str, above: str = "") -> str:
        """The answer key of a text: SHA-256 of everything that shapes the answer, in hex."""
        return hashlib.sha256(f"{self.identity}\n{with_above(text, above)}".encode()).hexdigest()

    def prepare(self, text: str, above: str = "") -> Prepared:
        """Split, fence and measure a redacted text, once for all times that it is asked about.

        Args:
            above: what `Prompt.above` gives for its record.
        """
        sentences = split_sentences(text) if self.prompt.numbered else []
        message = self.prompt.fence(text, sentences, above)
        return Prepared(
            message, sentences, self.constant_tokens + token_counter(self.model).count(message) + TOKENS_PER_MESSAGE
        )

    def body(
        self,
        prepared: Prepared,
        corrections: Sequence[dict[str, str]] = (),
        longer: bool = False,
        warmer: bool = False,
    ) -> bytes:
        """JSON body of `POST /chat/completions`.

        Args:
            prepared: the text.
            corrections: messages of an earlier, invalid answer and what was wrong with it.
            longer: allow a longer answer, because the last one was cut off.
            warmer: at another temperature, if the model takes one, because the last one repeated itself.
        """
        last = [{"role": "user", "content": prepared.message}, *corrections]
        head = self._warm_head if warmer else self._head[longer]
        return head + orjson.dumps(last)[1:] + b"}"

    @cached_property
    def constant_messages(self) -> list[dict[str, str]]:
        """Instructions and examples, the same for all texts."""
        messages = self.prompt.constant_messages()
        if not self.dialect.sends_schema:
            system = f"{self.prompt.system}\n\n{ANSWER_IN_JSON}\n{orjson.dumps(self.schema).decode()}"
            messages[0] = {"role": "system", "content": system}
        return messages

    @cached_property
    def sent_schema(self) -> dict[str, Any]:
        """The schema as the endpoint gets it."""
        return without_keywords(self.schema, self.dialect.without)

    @cached_property
    def schema_tokens(self) -> int:
        """About how many prompt tokens providers count for the schema, where it stands in no message."""
        if not self.dialect.sends_schema:
            return 0
        return token_counter(self.model).count(orjson.dumps(self.sent_schema).decode())

    @cached_property
    def constant_tokens(self) -> int:
        """Tokens of instructions and examples, the same for all texts."""
        messages = self.constant_messages
        return sum(token_counter(self.model).count(message["content"]) + TOKENS_PER_MESSAGE for message in messages)

    @cached_property
    def _head(self) -> tuple[bytes, bytes]:
        # Encoded once a shard.
        return self._encode_head(self.cap), self._encode_head(self.cap * LONGER)

    @cached_property
    def _warm_head(self) -> bytes:
        return self._encode_head(self.cap, WARMER)

    def _encode_head(self, cap: int, temperature: float = 0.0) -> bytes:
        dialect = self.dialect
        head: dict[str, Any] = {
            "model": self.model,
            **({"temperature": temperature} if dialect.temperature else {}),
            **({"reasoning_effort": dialect.effort} if dialect.effort else {}),
            dialect.cap_name: cap,
            **self._structure(),
            **dialect.body,
            "messages": self.constant_messages,
        }
        # Open at the end of the messages: the last ones differ from record to record.
        return orjson.dumps(head)[: -len("]}")] + b","

    def _structure(self) -> dict[str, Any]:
        strict = {"strict": True} if self.dialect.strict else {}
        match self.dialect.structure:
            case "json_schema":
                schema = {"name": "answer", **strict, "schema": self.sent_schema}
                return {"response_format": {"type": "json_schema", "json_schema": schema}}
            case "json_object":
                return {"response_format": {"type": "json_object"}}
            case "tool":
                function = {"name": "answer", **strict, "parameters": self.sent_schema}
                tool = {"type": "function", "function": {"name": "answer"}}
                return {"tools": [{"type": "function", "function": function}], "tool_choice": tool}
        return {}
