"""Which endpoint is asked, where the key goes, and that no message shows it."""

import itertools
import traceback

import pytest

from include.errors import ConfigurationError
from include.llm.endpoint import LOCAL_MODEL, RECORDED_MODEL, Endpoint, resolve_endpoint

KEY = "sk-proj-MySecret0123456789"
URL = "https://vllm.company.test/v1"


@pytest.mark.parametrize(
    "given",
    [
        f"{KEY}\n",
        f"{KEY}\r\n",
        f" {KEY}\t",
        f"“{KEY}”",
        f'"{KEY}"',
        f"'{KEY}'\n",
        f"\ufeff{KEY}",
        f"\xa0{KEY}\u200b",
    ],
)
def test_what_comes_along_with_a_key_is_taken_off(given: str) -> None:
    assert resolve_endpoint(environ={"OPENAI_API_KEY": given}).api_key == KEY
    assert resolve_endpoint(given, URL, {}).api_key == KEY
    assert resolve_endpoint(environ={"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f'"{URL}/"\n'}).base_url == URL


@pytest.mark.parametrize(
    "key",
    ["MySecret 0123", "MySecret\n0123", "MySecret\r\nX-Evil: 1", "MySecret’0123", "MySecret\x000123", "MySecretà"],
)
@pytest.mark.parametrize("of_connection", [True, False])
def test_a_key_that_no_header_takes_is_refused_unseen(key: str, of_connection: bool) -> None:
    with pytest.raises(ConfigurationError) as caught:
        resolve_endpoint(key, URL, {}) if of_connection else resolve_endpoint(environ={"OPENAI_API_KEY": key})
    assert ("openai_default" if of_connection else "OPENAI_API_KEY") in str(caught.value)
    assert "MySecret" not in "".join(traceback.format_exception(caught.value))
    with pytest.raises(ConfigurationError):
        Endpoint(URL, key, is_demo=False)


@pytest.mark.parametrize("nothing", ["", " ", "\n", '""'])
def test_a_key_of_nothing_is_none(nothing: str) -> None:
    assert resolve_endpoint(environ={"OPENAI_API_KEY": nothing}).is_demo
    assert resolve_endpoint(nothing, URL, {"OPENAI_API_KEY": nothing}).api_key is None


@pytest.mark.parametrize(
    ("connection_url", "own_url", "key"),
    [
        (None, None, KEY),
        ("https://api.openai.com/v1", None, KEY),
        ("https://API.openai.com:443/v1/", None, KEY),
        (URL, None, None),
        ("http://api.openai.com/v1", None, None),
        ("https://api.openai.com:8443/v1", None, None),
        ("https://api.openai.com.evil.test/v1", None, None),
        ("https://api.openai.com/v1", URL, None),
        (f"{URL}/other", URL, KEY),
        ("http://vllm.company.test/v1", URL, None),
        (None, URL, KEY),
    ],
)
def test_the_environments_key_goes_to_the_environments_place_only(
    connection_url: str | None, own_url: str | None, key: str | None
) -> None:
    environ = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": own_url or ""}
    assert resolve_endpoint(None, connection_url, environ).api_key == key
    assert resolve_endpoint("own-key", connection_url, environ).api_key == "own-key"


def test_a_host_without_a_key_is_asked_without_one() -> None:
    assert resolve_endpoint(environ={"OPENAI_BASE_URL": "http://127.0.0.1:8000/v1"}).authorization == {}
    assert resolve_endpoint(None, URL, {}).authorization == {}
    assert resolve_endpoint("own-key", URL, {}).authorization == {"Authorization": "Bearer own-key"}


@pytest.mark.parametrize(
    "url",
    [
        "https://night:S3cretPass@vllm.company.test/v1",
        "https://S3cretPass@vllm.company.test/v1",
        "https://:S3cretPass@vllm.company.test/v1",
        "https://vllm.company.test/v1?api-key=S3cretPass",
        "https://vllm.company.test/v1#S3cretPass",
        "sk-S3cretPass",
        "night:S3cretPass@vllm.company.test/v1",
        "https://night:S3cretPass@[vllm/v1",
        "https://vllm.company.test:S3cretPass/v1",
        "ftp://vllm.company.test/S3cretPass",
        "https://vllm company/S3cretPass",
        "https://vllm.company.test/v1\nS3cretPass",
        "https:///S3cretPass",
        "https://S3cretPass\\@x/v1",
        "https://vllm.company.test:0/S3cretPass",
    ],
)
@pytest.mark.parametrize("of_connection", [True, False])
def test_a_base_url_that_is_none_or_holds_a_secret_is_refused_unseen(url: str, of_connection: bool) -> None:
    with pytest.raises(ConfigurationError) as caught:
        resolve_endpoint("key", url, {}) if of_connection else resolve_endpoint(environ={"OPENAI_BASE_URL": url})
    assert ("openai_default" if of_connection else "OPENAI_BASE_URL") in str(caught.value)
    assert "S3cretPass" not in "".join(traceback.format_exception(caught.value))
    with pytest.raises(ConfigurationError):
        Endpoint(url, "key", is_demo=False)


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.1.2",
        "169.254.169.254.",
        "2852039166",
        "0xa9fea9fe",
        "0xA9.0xFE.0xA9.0xFE",
        "0251.0376.0251.0376",
        "169.254.43518",
        "169.16689662",
        "[fe80::1]",
        "[fe80::1%25eth0]",
        "[febf::1]",
        "[fd00:ec2::254]",
        "[fd00:0ec2:0:0::254]",
        "[fd20:ce::254]",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[::169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:a9fe:a9fe::1]",
        "metadata.google.internal",
        "METADATA.google.internal.",
        "100.100.100.200",
        "168.63.129.16",
        "１６９.254.169.254",
        "169。254。169。254",
        "%31%36%39.254.169.254",
    ],
)
def test_link_local_and_metadata_addresses_are_refused_in_every_spelling(host: str) -> None:
    for url in (f"http://{host}/v1", f"https://{host}:8080/v1"):
        with pytest.raises(ConfigurationError):
            resolve_endpoint("key", url, {})


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:8000", "localhost:11434", "10.0.0.5", "192.168.1.9", "[::1]:8000", "[fd12::5]", "my_vllm", "x.y.z."],
)
def test_private_hosts_are_asked(host: str) -> None:
    assert resolve_endpoint(None, f"http://{host}/v1", {}).base_url == f"http://{host}/v1"


def test_an_endpoints_own_words_are_shown_without_the_key() -> None:
    endpoint = Endpoint(URL, KEY, is_demo=False)
    assert endpoint.without_key(f"Incorrect API key provided: {KEY}.") == "Incorrect API key provided: ***."
    assert KEY not in repr(endpoint)
    assert Endpoint(URL, None, is_demo=False).without_key("All is well.") == "All is well."


RECORDED = "http://127.0.0.1:8189/v1"
MODELS = (None, "", RECORDED_MODEL, LOCAL_MODEL, "gpt-6-luna")


@pytest.mark.parametrize("connection", [(None, None), ("own-key", None), (None, URL), ("own-key", URL)])
@pytest.mark.parametrize("key", [None, KEY])
@pytest.mark.parametrize("own_url", [None, URL, RECORDED])
def test_nothing_is_replayed_where_an_endpoint_is_set(
    connection: tuple[str | None, str | None], key: str | None, own_url: str | None
) -> None:
    is_set = any((*connection, key, own_url))
    for recorded_url, local_url, own_model, model in itertools.product((None, RECORDED), (None, URL), MODELS, MODELS):
        given = {
            "NIGHTSHIFT_RECORDED_URL": recorded_url,
            "NIGHTSHIFT_LOCAL_MODEL_URL": local_url,
            "OPENAI_API_KEY": key,
            "OPENAI_BASE_URL": own_url,
            "NIGHTSHIFT_MODEL": own_model,
        }
        environ = {name: value for name, value in given.items() if value is not None}
        wanted = model or own_model
        if wanted == RECORDED_MODEL and (is_set or not recorded_url):
            with pytest.raises(ConfigurationError, match=f"{RECORDED_MODEL} is the name of the answers"):
                resolve_endpoint(*connection, environ, model)
            continue
        endpoint = resolve_endpoint(*connection, environ, model)
        assert endpoint.is_recorded == (not is_set and bool(recorded_url) and wanted in (None, "", RECORDED_MODEL))
        assert endpoint.is_demo == (not is_set and not endpoint.is_recorded)
        if is_set:
            assert endpoint.base_url == (connection[1] or own_url or "https://api.openai.com/v1")
        else:
            assert endpoint.base_url == (RECORDED if endpoint.is_recorded else local_url or "http://127.0.0.1:8089/v1")


def test_a_connection_that_names_nothing_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="openai_default names neither host nor key"):
        resolve_endpoint(" ", "", {"NIGHTSHIFT_RECORDED_URL": RECORDED})


def test_only_recorded_answers_have_their_name() -> None:
    recorded = Endpoint(RECORDED, None, is_demo=False, is_recorded=True)
    recorded.check_model(RECORDED_MODEL)
    for endpoint, model in ((recorded, "gpt-6-luna"), (Endpoint(URL, KEY, is_demo=False), RECORDED_MODEL)):
        with pytest.raises(ConfigurationError, match=RECORDED_MODEL):
            endpoint.check_model(model)
