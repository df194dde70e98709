"""Base URLs as people paste them."""

import logging

import pytest

from include.errors import ConfigurationError
from include.llm.endpoint import resolve_endpoint

OPENAI = "https://api.openai.com/v1"
AZURE = "https://nights.openai.azure.com"
GEMINI = "https://generativelanguage.googleapis.com/v1beta/openai"


@pytest.mark.parametrize(
    ("pasted", "base_url"),
    [
        (OPENAI, OPENAI),
        (f"{OPENAI}/chat/completions", OPENAI),
        (f"{OPENAI}/chat/completions/", OPENAI),
        (f"{OPENAI}/responses", OPENAI),
        (f"{OPENAI}/completions.", OPENAI),
        (f"{OPENAI}/models", OPENAI),
        (f"{OPENAI}/embeddings", OPENAI),
        ("http://localhost:11434/api/chat", "http://localhost:11434"),
        (f"{OPENAI}/", OPENAI),
        (f"{OPENAI}//", OPENAI),
        (f"{OPENAI}.", OPENAI),
        ("https://api.openai.com//v1", OPENAI),
        ("https://api.openai.com", OPENAI),
        ("https://api.openai.com/", OPENAI),
        ("HTTPS://API.OpenAI.com/v1", OPENAI),
        ("api.openai.com/v1", OPENAI),
        ("api.openai.com", OPENAI),
        ("API.openai.com/v1/chat/completions", OPENAI),
        ("localhost:11434", "http://localhost:11434"),
        ("localhost:8000/v1", "http://localhost:8000/v1"),
        ("127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
        ("[::1]:8000/v1", "http://[::1]:8000/v1"),
        ("vllm.company.test/v1", "https://vllm.company.test/v1"),
        ("vllm:8000/v1", "https://vllm:8000/v1"),
        ("http://vllm.company.test:8000/V1/Chat", "http://vllm.company.test:8000/V1/Chat"),
        (GEMINI, GEMINI),
        (f"{GEMINI}/", GEMINI),
        ("https://generativelanguage.googleapis.com/v1beta", GEMINI),
        ("https://generativelanguage.googleapis.com", GEMINI),
        ("https://api.anthropic.com/v1/", "https://api.anthropic.com/v1"),
        ("https://api.anthropic.com/v1/messages", "https://api.anthropic.com/v1"),
        ("https://openrouter.ai/api", "https://openrouter.ai/api/v1"),
        ("https://api.groq.com", "https://api.groq.com/openai/v1"),
        ("https://api.deepseek.com", "https://api.deepseek.com"),
        (f"{AZURE}/", f"{AZURE}/openai/v1"),
        (f"{AZURE}/openai", f"{AZURE}/openai/v1"),
        (f"{AZURE}/openai/v1/", f"{AZURE}/openai/v1"),
        ("https://nights.services.ai.azure.com/models", "https://nights.services.ai.azure.com/models"),
        ("https://gateway.company.test/llm/openai/v1/", "https://gateway.company.test/llm/openai/v1"),
    ],
)
def test_a_base_url_is_read_as_it_is_meant(pasted: str, base_url: str) -> None:
    assert resolve_endpoint("own-key", pasted, {}).base_url == base_url
    endpoint = resolve_endpoint(environ={"OPENAI_BASE_URL": pasted, "OPENAI_API_KEY": "own-key"})
    assert (endpoint.base_url, endpoint.query, endpoint.api_key) == (base_url, {}, "own-key")
    # The environment's key goes to the same place, however either is spelt.
    assert resolve_endpoint(None, base_url, {"OPENAI_BASE_URL": pasted, "OPENAI_API_KEY": "k"}).api_key == "k"


def test_a_version_of_the_api_is_sent_with_each_request() -> None:
    pasted = f"{AZURE}/openai/deployments/luna/chat/completions?api-version=2024-10-21"
    endpoint = resolve_endpoint("own-key", pasted, {})
    assert (endpoint.base_url, endpoint.query) == (f"{AZURE}/openai/deployments/luna", {"api-version": "2024-10-21"})
    own = resolve_endpoint("own-key", pasted, {}, extra={"default_query": {"api-version": "preview"}})
    assert own.query == {"api-version": "preview"}


@pytest.mark.parametrize(
    "pasted",
    [
        f"{OPENAI}?api-version=2024-10-21&api-key=S3cret",
        f"{OPENAI}?api-version=",
        f"{OPENAI}?key=S3cret",
        f"{OPENAI}#S3cret",
        "S3cret.SomeKey.OfThreeParts",
        "S3cret",
        "[::::]:8000/S3cret",
        "night:S3cret@localhost:8000/v1",
    ],
)
def test_another_query_and_what_may_be_a_key_are_refused_unseen(pasted: str) -> None:
    with pytest.raises(ConfigurationError, match="openai_default") as caught:
        resolve_endpoint("own-key", pasted, {})
    assert "S3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "pasted", ["https://platform.openai.com/api-keys", "platform.openai.com/docs", "https://aistudio.google.com/"]
)
def test_a_page_for_people_is_refused(pasted: str) -> None:
    with pytest.raises(ConfigurationError, match=r"in OPENAI_BASE_URL is a page for people.*/v1"):
        resolve_endpoint(environ={"OPENAI_BASE_URL": pasted})


def test_what_is_corrected_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    for _ in range(3):
        resolve_endpoint("own-key", "https://once.company.test/v1/chat/completions", {})
        resolve_endpoint("own-key", "https://as-it-is.company.test/v1/", {})
    assert caplog.messages == ["The base URL as it was set is read as https://once.company.test/v1"]
