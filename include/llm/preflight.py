"""One tiny question before a run: is the endpoint there, is the key accepted, is the model known?"""

import asyncio
import time
from collections.abc import Callable

import httpx2
import openai

from include.errors import EndpointUnusable
from include.limits.limiter import Sleep
from include.llm.endpoint import Endpoint

# A run that cannot succeed says so within two minutes; a server that is just starting gets half of one.
PATIENCE_SECONDS = 30.0
PAUSE_SECONDS = 2.0
CALL_TIMEOUT_SECONDS = 60.0


async def check_endpoint(
    endpoint: Endpoint,
    model: str,
    patience_seconds: float = PATIENCE_SECONDS,
    clock: Callable[[], float] = time.monotonic,
    sleep: Sleep = asyncio.sleep,
) -> None:
    """Ask the model for one word.

    A 429 passes: the endpoint is there and knows the key, and the fan-out knows how to wait.

    Raises:
        EndpointUnusable: with what to check.
    """
    give_up_at = clock() + patience_seconds
    http_client = httpx2.AsyncClient(trust_env=False, follow_redirects=False, timeout=CALL_TIMEOUT_SECONDS)
    async with openai.AsyncOpenAI(
        api_key=endpoint.api_key, base_url=endpoint.base_url, max_retries=0, http_client=http_client
    ) as client:
        while True:
            try:
                await _ask_one_word(client, endpoint, model)
                return
            except openai.RateLimitError as error:
                if "insufficient_quota" in (error.code, error.type):
                    raise EndpointUnusable(
                        f"{endpoint.base_url} says that the quota is used up. Check the plan and the billing."
                    ) from error
                return
            except (openai.APIConnectionError, openai.InternalServerError) as error:
                if clock() >= give_up_at:
                    raise _unusable(endpoint, model, error) from error
                await sleep(PAUSE_SECONDS)
            except openai.APIError as error:
                raise _unusable(endpoint, model, error) from error


async def _ask_one_word(client: openai.AsyncOpenAI, endpoint: Endpoint, model: str) -> None:
    messages: list[openai.types.chat.ChatCompletionMessageParam] = [{"role": "user", "content": "Say yes."}]
    # Reasoning models count their thinking and refuse caps below 16.
    if endpoint.is_openai:
        await client.chat.completions.create(model=model, messages=messages, max_completion_tokens=16)
    else:
        await client.chat.completions.create(model=model, messages=messages, max_tokens=16)


def _unusable(endpoint: Endpoint, model: str, error: openai.APIError) -> EndpointUnusable:
    if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
        check = "The key is refused. Check OPENAI_API_KEY or the password of the Airflow connection openai_default."
    elif isinstance(error, openai.NotFoundError):
        check = f"Check that the model {model!r} (NIGHTSHIFT_MODEL) exists there and that the base URL ends in /v1."
    elif isinstance(error, openai.APIConnectionError):
        check = "Nothing answers there. Check OPENAI_BASE_URL, that the server runs, and the network."
    else:
        check = "Check the server's own log."
    said = " ".join(str(part) for part in (type(error).__name__, getattr(error, "status_code", "")) if part)
    return EndpointUnusable(f"The endpoint {endpoint.base_url} cannot be used ({said}). {check}")
