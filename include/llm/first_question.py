"""The first question of a run, at a base URL whose version may have been left out."""

import logging
from dataclasses import replace

from include.errors import EndpointUnusable
from include.llm.client import NotFound
from include.llm.endpoint import Endpoint
from include.llm.pasted_url import with_version
from include.llm.preflight import Preflight, check_endpoint
from include.llm.request import Question

log = logging.getLogger(__name__)


async def ask_first(endpoint: Endpoint, question: Question, at_flex: bool = False) -> tuple[Endpoint, Preflight]:
    """Whom the run asks, and what its first question found out; see `check_endpoint`.

    Ollama and vLLM, for two, answer below `/v1` only, and people leave it out: it is tried once.

    Raises:
        EndpointUnusable: with what to check.
    """
    try:
        return endpoint, await check_endpoint(endpoint, question, at_flex=at_flex)
    except NotFound as error:
        base_url, said = with_version(endpoint.base_url), str(error)
        if base_url is None:
            raise
    found = replace(endpoint, base_url=base_url)
    try:
        checked = await check_endpoint(found, question, at_flex=at_flex)
    except EndpointUnusable as error:
        raise EndpointUnusable(f"{said} With /v1: {error}") from None
    log.warning("Nothing is at %s, so %s is asked. Set the base URL to it.", endpoint.base_url, base_url)
    return found, replace(checked, requests=checked.requests + 1)
