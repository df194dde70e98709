"""What a connection and the environment add to each request: it is sent, to the right place only, and never shown."""

import asyncio
import traceback
from pathlib import Path
from typing import Any

import pytest

from include.errors import ConfigurationError
from include.llm.client import ChatClient
from include.llm.endpoint import LOCAL_TIMEOUT_SECONDS, REMOTE_TIMEOUT_SECONDS, Endpoint, resolve_endpoint
from tests.servers.provider import Answer, Asked, Provider

URL = "https://vllm.company.test/v1"
SECRET = "in-house-S3cret"
PERSONAL = {"OPENAI_API_KEY": "sk-own", "OPENAI_ORG_ID": "org-1", "OPENAI_PROJECT_ID": "proj-1"}
PERSONAL_HEADERS = {"OpenAI-Organization": "org-1", "OpenAI-Project": "proj-1"}


def with_extra(url: str | None = URL, environ: dict[str, str] | None = None, **extra: Any) -> Endpoint:
    """The endpoint of a connection with a key of its own."""
    return resolve_endpoint("own-key", url, environ or {}, extra=extra)


def asked_of(provider: Provider, **settings: Any) -> Asked:
    """One question, and one look at another path, as the server sees them: the first of them."""
    endpoint = Endpoint(f"{provider.base_url}/v1", settings.pop("key", "own-key"), is_demo=False, **settings)

    async def ask() -> None:
        async with ChatClient(endpoint, 1) as client:
            await client.complete(b"{}")
            assert await client.get_json("models/gpt-6-luna") == SAID.body

    asyncio.run(ask())
    question, look = provider.asked
    assert (look.path, look.query) == ("/v1/models/gpt-6-luna", question.query)
    assert all(look.headers[name] == value for name, value in endpoint.headers.items())
    return question


CHOICE = {"message": {"content": "{}"}, "finish_reason": "stop"}
SAID = Answer(body={"choices": [CHOICE], "usage": {}})


def test_headers_and_query_are_sent_with_each_request() -> None:
    with Provider(lambda _: SAID) as provider:
        headers = {"OpenAI-Organization": "org-1", "X-Team": "night"}
        asked = asked_of(provider, headers=headers, query={"api-version": "2024-10-21"})
    assert (asked.path, asked.query) == ("/v1/chat/completions", {"api-version": "2024-10-21"})
    assert (asked.headers["OpenAI-Organization"], asked.headers["X-Team"]) == ("org-1", "night")
    assert (asked.headers["Authorization"], asked.headers["Content-Type"]) == ("Bearer own-key", "application/json")


def test_another_path_that_gives_nothing_of_use_is_no_trouble() -> None:
    async def look(base_url: str) -> Any:
        async with ChatClient(Endpoint(base_url, None, is_demo=False), 1) as client:
            return await client.get_json("models")

    answers = [Answer(404), Answer(body=b"<html>"), Answer(body=[1]), Answer(302, headers={"Location": "/v1/models"})]
    for answer in answers:
        with Provider(lambda _, answer=answer: answer) as provider:  # type: ignore[misc]
            assert asyncio.run(look(provider.base_url)) is None
    assert asyncio.run(look("http://127.0.0.1:9/v1")) is None


@pytest.mark.parametrize(
    ("extra", "headers"),
    [
        ({}, {}),
        ({"organization": "org-2"}, {"OpenAI-Organization": "org-2"}),
        ({"project": "proj-2"}, {"OpenAI-Project": "proj-2"}),
        ({"default_headers": {"X-Team": " night\n", "X-None": None}}, {"X-Team": "night"}),
        ({"organization": "o", "default_headers": {"openai-organization": "p"}}, {"openai-organization": "p"}),
    ],
)
def test_a_connections_headers_are_its_own(extra: dict[str, Any], headers: dict[str, str]) -> None:
    assert with_extra(None, PERSONAL, **extra).headers == headers
    assert with_extra(URL, PERSONAL, **extra).headers == headers


def test_organisation_and_project_of_the_environment_go_where_its_key_goes() -> None:
    custom = {"OPENAI_CUSTOM_HEADERS": "X-Team: night\nX-Zone: eu"}
    assert resolve_endpoint(environ=PERSONAL).headers == PERSONAL_HEADERS
    assert resolve_endpoint(environ=PERSONAL | custom).headers == PERSONAL_HEADERS | {"X-Team": "night", "X-Zone": "eu"}
    assert resolve_endpoint(environ=PERSONAL | {"OPENAI_BASE_URL": URL}).headers == PERSONAL_HEADERS
    assert resolve_endpoint(None, "https://api.openai.com/v1", PERSONAL | custom).api_key == "sk-own"
    assert resolve_endpoint(None, "https://api.openai.com/v1", PERSONAL).headers == PERSONAL_HEADERS
    assert resolve_endpoint("own-key", "https://api.openai.com/v1", PERSONAL | custom).headers == {}
    assert resolve_endpoint(None, URL, PERSONAL | custom).headers == {}


@pytest.mark.parametrize(
    "extra",
    [
        {"default_headers": {"Authorization": SECRET}},
        {"default_headers": {"authorization": SECRET}},
        {"default_headers": {"Content-Type": SECRET}},
        {"default_headers": {"Host": SECRET}},
        {"default_headers": {"Accept-Encoding": SECRET}},
        {"default_headers": {"Proxy-Authorization": SECRET}},
        {"default_headers": {"X-Token": f"{SECRET}\r\nX-Evil: 1"}},
        {"default_headers": {"X-Token": f"{SECRET}’"}},
        {"default_headers": {"X-Token": f"{SECRET}à"}},
        {"default_headers": {f"X {SECRET}": "1"}},
        {"default_headers": {"": SECRET}},
        {"default_headers": {"X-Token": [SECRET]}},
        {"default_headers": f"X-Token: {SECRET}"},
        {"default_query": SECRET},
        {"default_query": {"subscription-key": [SECRET]}},
        {"organization": [SECRET]},
        {"project": f"{SECRET}\n{SECRET}"},
        {"timeout": SECRET},
        {"timeout": 0},
        {"timeout": -1},
        {"timeout": [SECRET]},
        {"timeout": float("nan")},
        {"timeout": "inf"},
    ],
)
def test_what_cannot_be_sent_is_refused_unseen(extra: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="openai_default") as caught:
        with_extra(**extra)
    assert "S3cret" not in "".join(traceback.format_exception(caught.value))


def test_a_header_of_the_environment_that_is_ours_is_refused_unseen() -> None:
    custom = {"OPENAI_CUSTOM_HEADERS": f"Authorization: Bearer {SECRET}"}
    with pytest.raises(ConfigurationError, match="OPENAI_CUSTOM_HEADERS") as caught:
        resolve_endpoint(environ=PERSONAL | custom)
    assert "S3cret" not in str(caught.value)


def test_timeout_and_query_of_a_connection() -> None:
    endpoint = with_extra(timeout="300", default_query={"api-version": "preview", "tries": 2, "none": None})
    assert (endpoint.timeout_seconds, endpoint.query) == (300.0, {"api-version": "preview", "tries": "2"})
    assert with_extra().timeout_seconds == REMOTE_TIMEOUT_SECONDS
    assert resolve_endpoint(environ={}).timeout_seconds == LOCAL_TIMEOUT_SECONDS


AZURE = ("https://nights.openai.azure.com/openai/v1", "https://nights.services.ai.azure.com/openai/v1")


@pytest.mark.parametrize("url", AZURE)
def test_azure_takes_a_key_under_its_own_name_and_a_token_as_all_do(url: str) -> None:
    assert resolve_endpoint("own-key", url, {}).authorization == {"api-key": "own-key"}
    assert resolve_endpoint("eyJhbGciOi.J9", url, {}).authorization == {"Authorization": "Bearer eyJhbGciOi.J9"}
    with pytest.raises(ConfigurationError, match="API-Key"):
        with_extra(url, default_headers={"API-Key": "another"})
    own = resolve_endpoint(None, url, {}, extra={"default_headers": {"api-key": "another"}})
    assert (own.authorization, own.headers) == ({}, {"api-key": "another"})


def test_nothing_that_may_be_a_secret_is_shown() -> None:
    endpoint = with_extra(
        default_headers={"X-Token": SECRET, "X-Title": "Nightshift"},
        default_query={"subscription-key": "query-S3cret", "api-version": "2024-10-21"},
        organization="org-1234567890",
        proxy="http://night:proxy-S3cr%40et@proxy.company.test:3128",
    )
    hidden = (SECRET, "query-S3cret", "proxy-S3cr%40et", "proxy-S3cr@et")
    assert not any(secret in repr(endpoint) for secret in hidden)
    assert endpoint.without_key(" ".join(hidden)) == "*** *** *** ***"
    plain = "Nightshift of org-1234567890 asked on 2024-10-21."
    assert endpoint.without_key(plain) == plain


PROXY = "http://night:pass@proxy.company.test:3128"


@pytest.mark.parametrize(
    ("extra", "environ", "url", "proxy"),
    [
        ({}, {"NIGHTSHIFT_PROXY": f" {PROXY}/\n"}, URL, f"{PROXY}/"),
        ({}, {"NIGHTSHIFT_PROXY": "proxy.company.test:3128"}, URL, "http://proxy.company.test:3128"),
        ({}, {"NIGHTSHIFT_PROXY": "https://proxy.company.test"}, URL, "https://proxy.company.test"),
        ({"proxy": PROXY}, {"NIGHTSHIFT_PROXY": "http://other.test:1"}, URL, PROXY),
        ({"proxy": ""}, {"NIGHTSHIFT_PROXY": PROXY}, URL, None),
        ({}, {"HTTPS_PROXY": PROXY, "http_proxy": PROXY, "ALL_PROXY": PROXY}, URL, None),
        ({}, {"NIGHTSHIFT_PROXY": PROXY}, "http://localhost:8000/v1", None),
        ({}, {"NIGHTSHIFT_PROXY": PROXY}, "http://127.0.0.2:8000/v1", None),
        ({}, {"NIGHTSHIFT_PROXY": PROXY}, "http://[::1]:8000/v1", None),
        ({}, {"NIGHTSHIFT_PROXY": PROXY}, "http://10.0.0.5/v1", PROXY),
    ],
)
def test_only_nightshifts_own_proxy_is_gone_through(
    extra: dict[str, Any], environ: dict[str, str], url: str, proxy: str | None
) -> None:
    assert with_extra(url, environ, **extra).proxy == proxy


@pytest.mark.parametrize(
    ("proxy", "said"),
    [
        ("socks5://night:S3cret@proxy.company.test:1080", "SOCKS"),
        ("socks5h://proxy.company.test", "SOCKS"),
        ("ftp://night:S3cret@proxy.company.test", "http"),
        ("http://night:S3/cret@proxy.company.test:3128", "%40"),
        ("http://night:S3#cret@proxy.company.test:3128", "%40"),
        ("http://night:S3cret’@proxy.company.test:3128", "http"),
        ("http://night:S3cret@proxy.company.test:port", "http"),
        ("http://night:S3cret@proxy.company.test:3128/proxy.pac", "http"),
        ("http://S3cret@:3128", "http"),
        ("http://S3 cret", "http"),
    ],
)
def test_a_proxy_that_is_none_is_refused_unseen(proxy: str, said: str) -> None:
    for extra, environ, setting in (
        ({"proxy": proxy}, {}, "openai_default"),
        ({}, {"NIGHTSHIFT_PROXY": proxy}, "NIGHTS"),
    ):
        with pytest.raises(ConfigurationError, match=said) as caught:
            with_extra(URL, environ, **extra)
        shown = "".join(traceback.format_exception(caught.value))
        assert setting in shown
        assert "S3" not in shown


@pytest.mark.parametrize("name", ["NIGHTSHIFT_PROXY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"])
def test_a_setting_reaches_the_containers_and_the_table(name: str) -> None:
    root = Path(__file__).parents[2]
    assert f"{name}: ${{{name}:-}}\n" in (root / "docker-compose.yaml").read_text(encoding="utf-8")
    assert f"\n{name}=\n" in (root / ".env.example").read_text(encoding="utf-8")
    assert f"`{name}`" in (root / "include/llm/README.md").read_text(encoding="utf-8")
