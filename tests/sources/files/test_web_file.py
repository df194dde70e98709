"""One file behind an address of the web, which a signature may open: read once, and its signature shown nowhere."""

import socket
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from include.errors import ConfigurationError, NightshiftError, RetryLater
from include.local.own_file import own_file
from include.sources.calls.transcripts import Transcripts
from include.sources.files.location import find_files
from include.text.address import without_signature
from tests.servers.provider import Answer, Asked, Provider
from tests.sources.pulling import pull
from tests.sources.reading import ids, read_all

CSV = b"id,text\na,Parcel is late\nb,Broken\n"
SIGNED = {
    "amazon": "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=SECRETKEY%2F20261120&X-Amz-Signature=SECRET0123456789",
    "azure": "sv=2024-11-04&se=2026-11-20T03%3A00%3A00Z&sr=b&sp=r&sig=SECRET0123456789%2BX%3D",
    "google": "X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Signature=SECRET0123456789",
}


class Store:
    """Gives one file to whoever asks by GET; a HEAD it refuses, as stores do for an address that is signed for GET."""

    def __init__(self) -> None:
        self.answer = Answer(body=CSV, headers={"Content-Type": "binary/octet-stream"})

    def say(self, asked: Asked) -> Answer:
        return self.answer


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def provider(store: Store) -> Iterator[Provider]:
    with Provider(store.say) as running:
        yield running


def refused(kind: type[NightshiftError], call: Callable[[], object]) -> str:
    """The message, after a look at all that a log would show of the error."""
    with pytest.raises(kind) as caught:
        call()
    assert "SECRET" not in "".join(traceback.format_exception(caught.value))
    return str(caught.value)


@pytest.mark.parametrize("signature", SIGNED.values(), ids=SIGNED)
def test_a_signed_address_is_opened_by_one_request(signature: str, provider: Provider) -> None:
    rows = read_all(f"{provider.base_url}/exports/tickets.csv?{signature}")
    assert ids(rows) == ["a", "b"]
    assert len(provider.asked) == 1
    assert "SECRET0123456789" in repr(provider.asked[0].query)


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/tickets.csv", {}),
        ("/download?file=exports%2Ftickets.csv&token=SECRET0123456789", {}),
        ("/download?id=7", {"Content-Disposition": 'attachment; filename="tickets.csv"'}),
        ("/exports/7", {"Content-Type": "text/csv; charset=utf-8"}),
        ("/", {"Content-Type": "text/csv"}),
    ],
)
def test_the_address_the_server_or_the_query_says_what_the_file_is(
    path: str, headers: Mapping[str, str], store: Store, provider: Provider
) -> None:
    store.answer = Answer(body=CSV, headers=headers)
    assert ids(read_all(provider.base_url + path)) == ["a", "b"]


def test_a_row_without_an_id_is_named_by_the_file_and_not_by_its_address(store: Store, provider: Provider) -> None:
    store.answer = Answer(body=b"id,text\n,Late\n")
    (row,) = read_all(f"{provider.base_url}/exports/tickets.csv?{SIGNED['amazon']}")
    assert row.record_id == "tickets.csv#L1"
    assert "SECRET" not in repr(row)


def test_a_file_is_the_same_under_another_signature_and_another_one_with_other_words(
    store: Store, provider: Provider
) -> None:
    def version(signature: str) -> tuple[str, str]:
        (file,) = find_files(f"{provider.base_url}/tickets.csv?{signature}", "FILES")
        return file.name, file.version()

    first = version(SIGNED["amazon"])
    assert version(SIGNED["google"]) == first
    store.answer = Answer(body=CSV.replace(b"Broken", b"Burned"))
    assert version(SIGNED["amazon"]) != first


REFUSAL = (
    b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message>"
    b"<StringToSign>AWS4 SECRET0123456789</StringToSign></Error>"
)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_refusal_says_what_the_store_says_and_the_way_out(status: int, store: Store, provider: Provider) -> None:
    store.answer = Answer(status, body=REFUSAL)
    said = refused(ConfigurationError, lambda: read_all(f"{provider.base_url}/tickets.csv?{SIGNED['amazon']}"))
    assert "Request has expired" in said and str(status) in said
    assert "NIGHTSHIFT_SOURCE_DEMO to a new one" in said and f"{provider.base_url}/tickets.csv" in said


def test_a_refusal_that_quotes_the_signature_is_shown_without_it(store: Store, provider: Provider) -> None:
    store.answer = Answer(403, body={"error": "SECRET0123456789+X= is no signature of this request"})
    said = refused(ConfigurationError, lambda: read_all(f"{provider.base_url}/tickets.csv?{SIGNED['azure']}"))
    assert "is no signature of this request" in said


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer(202), "not there yet"),
        (Answer(body=b'{"status": "processing"}'), "job is not finished .processing."),
        (Answer(body=b'{"export": {"job_status": "failed", "message": "too many rows"}}'), "job failed.*too many rows"),
        (Answer(503), "503"),
        (Answer(429), "429"),
        (Answer(body=CSV, headers={"Content-Length": "1000"}), "no answer"),
    ],
    ids=["accepted", "processing", "failed", "away", "too often", "cut"],
)
def test_what_is_not_there_yet_is_asked_for_again_later(
    answer: Answer, says: str, store: Store, provider: Provider
) -> None:
    store.answer = answer
    address = f"{provider.base_url}/tickets.csv?{SIGNED['amazon']}"
    with pytest.raises(RetryLater, match=says):
        read_all(address)
    refused(RetryLater, lambda: read_all(address))


def test_a_server_that_is_away_is_asked_again_later() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}/tickets.csv?{SIGNED['amazon']}"
        assert "tickets.csv" in refused(RetryLater, lambda: read_all(address))


def test_a_page_is_no_file_though_the_address_says_so(store: Store, provider: Provider) -> None:
    store.answer = Answer(body=b"<html>Please log in", headers={"Content-Type": "text/html; charset=utf-8"})
    said = refused(ConfigurationError, lambda: read_all(f"{provider.base_url}/tickets.csv?{SIGNED['amazon']}"))
    assert "login" in said


def test_an_address_of_no_host_is_a_wrong_setting() -> None:
    assert "Check the address" in refused(
        ConfigurationError, lambda: read_all(f"https:///tickets.csv?{SIGNED['amazon']}")
    )


def test_calls_are_not_listed_behind_a_signed_address() -> None:
    error = pull(Transcripts(f"https://calls.example.com/2026/?{SIGNED['azure']}")).error
    assert isinstance(error, ConfigurationError) and "s3://" in str(error)
    assert "SECRET" not in str(error)


def test_a_command_is_shown_without_the_signature() -> None:
    environ = {"FILE": f"https://example.com/t.csv?{SIGNED['azure']}", "PIPELINES": "support_tickets"}
    own = own_file(environ)
    assert own is not None and own.location == environ["FILE"]
    assert "SECRET" not in own.command + own.given
    refused(ConfigurationError, lambda: own_file({**environ, "PIPELINES": "nothing"}))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("'https://h/a.csv?sig=SECRET' failed", "'https://h/a.csv?...' failed"),
        ("HTTPS://me:SECRET@h/a.csv#SECRET", "HTTPS://h/a.csv?..."),
        ("s3://aws_default@bucket/t?.csv", "s3://aws_default@bucket/t?.csv"),
        ("/data/t?.csv", "/data/t?.csv"),
        ("https://h/a.csv", "https://h/a.csv"),
    ],
)
def test_only_what_may_open_something_is_left_out_of_an_address(text: str, shown: str) -> None:
    assert without_signature(text) == shown


def test_a_pattern_of_addresses_is_left_to_the_listing_of_the_server(store: Store, provider: Provider) -> None:
    def say(asked: Asked) -> Answer:
        if asked.path == "/drop/":
            return Answer(body=b'<a href="a.csv">a</a>', headers={"Content-Type": "text/html"})
        return Answer(body=CSV) if asked.path == "/drop/a.csv" else Answer(404)

    provider.answer = say
    assert ids(read_all(f"{provider.base_url}/drop/*.csv")) == ["a", "b"]


def test_the_copy_goes_with_the_file(provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    read_all(f"{provider.base_url}/tickets.csv")
    assert list(tmp_path.iterdir()) == []
