"""Certificates and proxies: whom Nightshift trusts, how it gets there, and what it says where it does not."""

import asyncio
import traceback
from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest

from include.errors import EndpointUnusable
from include.llm.client import ChatClient
from include.llm.endpoint import Endpoint
from include.llm.preflight import check_endpoint
from include.llm.providers.provider_errors import PassingTrouble
from include.llm.transport import trouble_on_the_way
from tests.fault_server.running import FaultServer
from tests.llm.asking import question_for
from tests.llm.test_preflight import Clock
from tests.servers.company_ca import CompanyCa
from tests.servers.connect_proxy import ConnectProxy
from tests.servers.provider import Answer, Provider

NAME = "llm.company.test"
URL = f"https://{NAME}/v1"
STRAY = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")


@pytest.fixture(autouse=True)
def shell(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell that names neither proxies nor certificates."""
    for name in (*STRAY, "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


def first_question(server: FaultServer, clock: Clock, **settings: Any) -> int:
    """Ask the first question; returns how often it was asked. No time passes."""
    endpoint = Endpoint(settings.pop("base_url", URL), "own-key", is_demo=False, **settings)
    asked = check_endpoint(endpoint, question_for(server), clock=clock, sleep=clock.sleep)
    return asyncio.run(asked).requests


def refusal(server: FaultServer, **settings: Any) -> str:
    """What the first question says that is not even asked a second time."""
    clock = Clock()
    with pytest.raises(EndpointUnusable) as caught:
        first_question(server, clock, **settings)
    assert clock.now == 0
    assert "S3cret" not in "".join(traceback.format_exception(caught.value))
    return str(caught.value)


def test_a_company_s_own_authority_is_trusted_once_it_is_named(
    company_ca: CompanyCa, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FaultServer(certificate=company_ca.issue(NAME)) as server, ConnectProxy({NAME: server.port}) as proxy:
        way = {"proxy": f"http://{proxy.address}"}
        # Other programs' variable.
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(company_ca.certificate))
        said = refusal(server, **way)
        assert f"certificate of {NAME} is not accepted" in said and "unable to get local issuer" in said
        assert "SSL_CERT_FILE" in said
        monkeypatch.setenv("SSL_CERT_FILE", "/no/such/ca.pem")
        assert "SSL_CERT_FILE names /no/such/ca.pem, which is not there" in refusal(server, **way)
        assert server.counters().requests == 0
        # In the same process, which has long imported the HTTP library.
        monkeypatch.setenv("SSL_CERT_FILE", str(company_ca.certificate))
        assert first_question(server, Clock(), **way) == 1
        assert set(proxy.asked) == {f"{NAME}:443"}


@pytest.mark.parametrize(
    ("names", "days", "said"),
    [
        ((NAME,), -1, r"certificate has expired\. Whoever runs it has to renew it"),
        (("other.company.test",), 30, rf"not valid for '{NAME}'\. Check the host in the base URL"),
    ],
)
def test_a_certificate_that_is_not_accepted_is_said_in_its_own_words(
    names: tuple[str, ...], days: int, said: str, company_ca: CompanyCa, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(company_ca.certificate))
    with FaultServer(certificate=company_ca.issue(*names, days=days)) as server:
        with ConnectProxy({NAME: server.port}) as proxy, pytest.raises(EndpointUnusable, match=said):
            first_question(server, Clock(), proxy=f"http://{proxy.address}")
        assert server.counters().requests == 0


def test_a_server_without_tls_is_said_to_be_one(fault_server: FaultServer) -> None:
    with Provider(lambda _: Answer()) as server, pytest.raises(EndpointUnusable, match="without TLS begins with http:"):
        first_question(fault_server, Clock(), base_url=server.base_url.replace("http://", "https://"))


def test_user_and_password_go_to_the_proxy_and_the_key_to_the_endpoint(
    company_ca: CompanyCa, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(company_ca.certificate))
    ours = company_ca.issue("localhost")
    with (
        FaultServer(certificate=company_ca.issue(NAME)) as server,
        ConnectProxy({NAME: server.port}, user="night:S3cret@@", certificate=ours) as proxy,
    ):
        assert first_question(server, Clock(), proxy=f"https://night:S3cret%40%40@localhost:{proxy.port}") == 1
        said = refusal(server, proxy=f"https://night:S3cret-wrong@localhost:{proxy.port}")
        assert f"The proxy localhost:{proxy.port} does not lead to {NAME} (407" in said
        assert "password of NIGHTSHIFT_PROXY" in said


@pytest.mark.parametrize(
    ("status", "said"), [(407, "user and password of NIGHTSHIFT_PROXY"), (403, "lets this host and port through")]
)
def test_a_proxy_that_refuses_is_named_as_the_proxy(status: int, said: str) -> None:
    with FaultServer() as server, ConnectProxy({}, status=status) as proxy:
        words = refusal(server, proxy=f"http://night:S3cret-pass@{proxy.address}")
    assert f"The proxy {proxy.address} does not lead to {NAME} ({status} Said by the proxy)" in words
    assert said in words


def test_a_proxy_that_does_not_get_there_is_waited_for() -> None:
    clock = Clock()
    with FaultServer() as server, ConnectProxy({}) as proxy, pytest.raises(EndpointUnusable) as caught:
        first_question(server, clock, proxy=f"http://{proxy.address}")
    assert f"The proxy {proxy.address} does not lead to {NAME} (502" in str(caught.value)
    assert clock.now > 0 and len(proxy.asked) > 2
    with pytest.raises(EndpointUnusable, match=r"Cannot connect to the proxy 127\.0\.0\.1:9:"):
        first_question(server, Clock(), proxy="http://night:S3cret-pass@127.0.0.1:9")


def test_a_certificate_of_the_proxy_is_called_the_proxys(company_ca: CompanyCa) -> None:
    ours = company_ca.issue("localhost")
    with FaultServer() as server, ConnectProxy({}, certificate=ours) as proxy:
        assert f"certificate of localhost:{proxy.port} is not accepted" in refusal(
            server, proxy=f"https://night:S3cret-pass@localhost:{proxy.port}"
        )


def test_an_endpoint_without_tls_is_asked_through_the_proxy_too() -> None:
    answers = [Answer(407), Answer(body={"choices": [{"message": {"content": "{}"}, "finish_reason": "stop"}]})]
    with Provider(lambda _: answers[-1]) as forward:
        forward.fail(answers[0])
        address = forward.base_url.removeprefix("http://")
        endpoint = Endpoint(
            "http://llm.outside.test/v1", "own-key", is_demo=False, proxy=f"http://night:S3cret@{address}"
        )

        async def ask() -> Any:
            async with ChatClient(endpoint, 1) as client:
                with pytest.raises(EndpointUnusable, match=f"proxy {address} does not lead to llm.outside.test"):
                    await client.complete(b"{}")
                return await client.complete(b"{}")

        assert asyncio.run(ask()).content == "{}"
    asked = forward.asked[-1]
    assert (asked.path, asked.headers["Host"]) == ("/v1/chat/completions", "llm.outside.test")
    assert asked.headers["Proxy-Authorization"].startswith("Basic ")


def test_a_stray_proxy_is_never_gone_through_and_is_named_where_there_is_no_other_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with FaultServer() as server, ConnectProxy({}) as stray:
        for name in STRAY:
            monkeypatch.setenv(name, f"http://night:S3cret-pass@{stray.address}")
        monkeypatch.setenv("NO_PROXY", "")
        assert first_question(server, Clock(), base_url=server.base_url) == 1
        with pytest.raises(EndpointUnusable, match=r"HTTPS_PROXY is set and not heeded.*NIGHTSHIFT_PROXY") as caught:
            first_question(server, Clock(), base_url="https://llm.company.invalid/v1")
    assert "S3cret" not in str(caught.value)
    assert stray.asked == []


@pytest.mark.parametrize(
    ("base_url", "proxy", "environ", "is_named"),
    [
        (URL, None, {"all_proxy": "http://x"}, True),
        (URL, None, {}, False),
        (URL, "http://proxy.test", {"HTTPS_PROXY": "http://x"}, False),
        ("http://127.0.0.1:9/v1", None, {"HTTPS_PROXY": "http://x"}, False),
    ],
)
def test_a_stray_proxy_is_named_only_where_it_may_help(
    base_url: str, proxy: str | None, environ: Mapping[str, str], is_named: bool
) -> None:
    async def connect() -> Exception:
        async with ChatClient(Endpoint("http://127.0.0.1:9/v1", None, is_demo=False), 1) as client:
            try:
                await client._open_session().get("http://127.0.0.1:9/")
            except OSError as error:
                return error
        raise AssertionError("Somebody listens there.")

    trouble = trouble_on_the_way(asyncio.run(connect()), Endpoint(base_url, None, is_demo=False, proxy=proxy), environ)
    assert isinstance(trouble, PassingTrouble) and trouble.reason == "unreachable" and not trouble.reached_provider
    assert ("NIGHTSHIFT_PROXY" in str(trouble)) == is_named


def test_what_a_firewall_drops_has_not_reached_anybody() -> None:
    error = aiohttp.ConnectionTimeoutError("Connection timeout to host https://llm.company.test/v1?token=S3cret")
    trouble = trouble_on_the_way(error, Endpoint(URL, None, is_demo=False), {"HTTPS_PROXY": "http://x"})
    assert isinstance(trouble, PassingTrouble) and trouble.reason == "unreachable" and not trouble.reached_provider
    assert "NIGHTSHIFT_PROXY" in str(trouble) and "S3cret" not in str(trouble)
