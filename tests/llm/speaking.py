"""Models that refuse parameters in OpenAI's documented words, behind a server of the test's own."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.servers.provider import Answer, Asked, Provider


@dataclass
class Model:
    """What a model takes; everything else gets a 400 that names it.

    Args:
        cap_name: what it calls the cap; None: either.
        temperature: whether it takes one.
        efforts: those that it takes; None: it does not know the parameter.
        thinking: tokens that it thinks unless its effort is none; None: it never thinks.
        tells_param: whether the error has `param` and `code`, or only a message.
        content: of each answer.
    """

    cap_name: str | None = None
    temperature: bool = True
    efforts: Sequence[str] | None = None
    thinking: int = 0
    tells_param: bool = True
    content: Any = "yes"

    def __call__(self, asked: Asked) -> Answer:
        """Answer one request."""
        body = json.loads(asked.body)
        caps = {"max_tokens", "max_completion_tokens"} & body.keys()
        if self.cap_name is not None and caps != {self.cap_name}:
            (wrong,) = caps
            words = f"'{wrong}' is not supported with this model. Use '{self.cap_name}' instead."
            return self._refuse(wrong, f"Unsupported parameter: {words}", "unsupported_parameter")
        if not self.temperature and body.get("temperature", 1) != 1:
            words = "'temperature' does not support 0.0 with this model. Only the default (1) value is supported."
            return self._refuse("temperature", f"Unsupported value: {words}", "unsupported_value")
        effort = body.get("reasoning_effort")
        if effort is not None and self.efforts is None:
            return self._refuse("reasoning_effort", "Unrecognized request argument supplied: reasoning_effort", None)
        if effort is not None and effort not in (self.efforts or ()):
            offers = ", ".join(f"'{offered}'" for offered in self.efforts or ())
            words = f"'reasoning_effort' does not support '{effort}' with this model. Supported values are: {offers}."
            return self._refuse("reasoning_effort", f"Unsupported value: {words}", "unsupported_value")
        return self._answer(body[caps.pop()], 0 if effort == "none" else self.thinking)

    def _refuse(self, param: str, message: str, code: str | None) -> Answer:
        told = {"param": param, "code": code} if self.tells_param else {"param": None, "code": None}
        return Answer(400, {"error": {"message": message, "type": "invalid_request_error", **told}})

    def _answer(self, cap: int, thinking: int) -> Answer:
        is_whole = thinking + 80 <= cap
        return completion(json.dumps(self.content) if is_whole else "", "stop" if is_whole else "length", thinking)


def completion(content: str, finish_reason: str = "stop", thinking: int = 0) -> Answer:
    """A chat completion."""
    message = {"role": "assistant", "content": content}
    return Answer(
        body={
            "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
            "usage": {
                "prompt_tokens": 900,
                "completion_tokens": thinking + 80,
                "completion_tokens_details": {"reasoning_tokens": thinking},
            },
        }
    )


class Speaker(Provider):
    """A server whose API lies below `/v1`."""

    def __init__(self, answer: Callable[[Asked], Answer]) -> None:
        super().__init__(answer)
        self.base_url += "/v1"
