"""Calls as files: what is new in a folder or on a real S3 server, and what each file becomes."""

import gzip
import json
import os
import shutil
import socket
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from include.errors import ConfigurationError, RetryLater
from include.pipelines.call_transcripts.pipeline import PIPELINE
from include.pipelines.call_transcripts.source import source
from include.sources.calls.transcript_file import MAX_FILE_BYTES
from include.sources.calls.transcripts import FILES_PER_CHECKPOINT, Transcripts
from include.sources.normalise import Normaliser
from include.sources.record import Record, UnreadableRecord
from include.sources.source import Checkpoint, Window
from tests.servers.s3 import S3Server
from tests.sources.pulling import PullSpool, pull

NIGHT = datetime(2026, 11, 20, 3, tzinfo=UTC)
WINDOW = Window(NIGHT - timedelta(days=1), NIGHT)
# A user who owns nothing.
NOBODY = 65534
CAPTIONS = "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Agent>Hello.\n\n00:03.500 --> 00:64.000\n<v Customer>It broke.\n"


def put(folder: Path, name: str, content: str | bytes = "It broke again.", modified: datetime | None = None) -> Path:
    """A file that was modified an hour before the night, or at another time."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    moment = (modified or NIGHT - timedelta(hours=1)).timestamp()
    os.utime(path, (moment, moment))
    return path


def pulled(place: Path | str, window: Window = WINDOW, resume: Mapping[str, Any] | None = None) -> PullSpool:
    return pull(Transcripts(str(place)), window, resume)


def records(place: Path | str, window: Window = WINDOW) -> list[Record | UnreadableRecord]:
    """What the run of the pipeline makes of it."""
    normaliser = Normaliser(PIPELINE.name, PIPELINE.attributes, window.end)
    found = pulled(place, window)
    assert found.error is None, found.error
    return [normaliser.record(row.row, row.place) for row in found.rows]


def ids(place: Path | str, window: Window = WINDOW) -> list[str]:
    return [record.record_id for record in records(place, window)]


def record(place: Path | str) -> Record:
    (only,) = records(place)
    assert isinstance(only, Record), only
    return only


def test_a_call_is_named_by_its_path_and_keeps_speakers_times_and_length(tmp_path: Path) -> None:
    path = put(tmp_path, "eu/call-17.vtt", CAPTIONS)
    call = record(tmp_path)
    assert (call.record_id, call.source_url) == ("eu/call-17", f"file://{path}")
    assert call.text == "Agent: Hello.\nCustomer: It broke."
    assert call.attributes == {
        "file": "eu/call-17.vtt",
        "speakers": "2",
        "duration_seconds": 64,
        "turn_seconds": "[1.0,3.5]",
    }
    assert call.occurred_at == NIGHT - timedelta(hours=1)


def test_a_call_took_place_on_the_day_in_its_path(tmp_path: Path) -> None:
    put(tmp_path, "2026/11/18/call-17.txt")
    assert record(tmp_path).occurred_at == datetime(2026, 11, 18, tzinfo=UTC)


def test_what_its_json_says_of_a_call_counts_more_than_its_name(tmp_path: Path) -> None:
    said = {"id": "C-17", "created_at": "2026-11-17T10:00:00Z", "queue": "billing", "text": "It broke again."}
    put(tmp_path, "2026/11/18/call-17.json", json.dumps(said))
    call = record(tmp_path)
    assert (call.record_id, call.occurred_at) == ("C-17", datetime(2026, 11, 17, 10, tzinfo=UTC))
    assert call.attributes["queue"] == "billing"


def test_an_absurd_date_in_the_json_is_no_date(tmp_path: Path) -> None:
    put(tmp_path, "a.json", json.dumps({"text": "It broke.", "created_at": "9999-01-01"}))
    (unreadable,) = records(tmp_path)
    assert isinstance(unreadable, UnreadableRecord) and unreadable.error_type == "bad_timestamp"


def test_only_what_was_modified_in_the_window_is_read(tmp_path: Path) -> None:
    put(tmp_path, "before.txt", modified=WINDOW.start - timedelta(seconds=1) if WINDOW.start else None)
    put(tmp_path, "first.txt", modified=WINDOW.start)
    put(tmp_path, "last.txt", modified=NIGHT - timedelta(seconds=1))
    put(tmp_path, "after.txt", modified=NIGHT)
    assert ids(tmp_path) == ["first", "last"]
    assert ids(tmp_path, Window(None, NIGHT)) == ["before", "first", "last"]


def test_a_file_that_was_copied_with_its_old_time_is_new(tmp_path: Path) -> None:
    """As `rsync -a`, `cp -p` and `unzip` do: the time is that of the call, and the file came tonight."""
    old = datetime.now(UTC).replace(microsecond=0) - timedelta(days=5)
    put(tmp_path, "call.txt", modified=old)
    tonight = Window(old + timedelta(days=4), old + timedelta(days=6))
    (row,) = pulled(tmp_path, tonight).rows
    assert row.changed_at is not None and row.changed_at in tonight
    assert isinstance(row.row, Mapping) and row.row["created_at"] == old
    assert pulled(tmp_path, Window(old + timedelta(days=1), old + timedelta(days=4))).rows == []


def test_a_file_that_is_uploaded_again_is_a_new_version_only_with_other_words(tmp_path: Path) -> None:
    put(tmp_path, "call.txt")
    before = record(tmp_path)
    put(tmp_path, "call.txt", modified=NIGHT - timedelta(minutes=1))
    assert record(tmp_path).record_version == before.record_version
    put(tmp_path, "call.txt", "It broke a third time.")
    assert record(tmp_path).record_id == before.record_id
    assert record(tmp_path).record_version != before.record_version


def test_personal_data_in_a_name_is_nowhere_in_what_becomes_of_it(tmp_path: Path) -> None:
    put(tmp_path, "jo.smith@example.com_+447911123456.txt", "It broke again.")
    put(tmp_path, "jo.smith@example.com_+447911123457.txt", "It broke before.")
    put(tmp_path, "jo.smith@example.com_+447911123458.txt", b"\xff\xfe\xfd")
    put(tmp_path, "jo.smith@example.com_+447911123459.zip", b"PK")
    found = records(tmp_path)
    assert len({call.record_id for call in found}) == 4
    assert all(call.record_id.startswith("<EMAIL_1>_<PHONE_1>") for call in found)
    assert "jo.smith" not in repr(found) and "447911" not in repr(found)


def test_with_a_secret_files_whose_names_are_redacted_alike_stay_apart_whatever_they_say(tmp_path: Path) -> None:
    for number in range(3):
        put(tmp_path, f"said/+44791112345{number}.txt")
        put(tmp_path, f"empty/+44791112345{number}.vtt", "")
        put(tmp_path, f"broken/+44791112345{number}.json", "{")
    keyed = source({"CALL_TRANSCRIPTS_PREFIX": str(tmp_path), "NIGHTSHIFT_CUSTOMER_KEY_SECRET": "a long random text"})
    assert keyed is not None
    normaliser = Normaliser(PIPELINE.name, PIPELINE.attributes, WINDOW.end)
    found = [normaliser.record(row.row, row.place) for row in pull(keyed, WINDOW).rows]
    assert len({row.record_id for row in found}) == 9
    assert "447911" not in repr(found)


def test_a_file_name_that_is_no_utf8_does_no_harm(tmp_path: Path) -> None:
    put(tmp_path, os.fsdecode(b"caf\xe9.txt"))
    put(tmp_path, os.fsdecode(b"th\xe9.txt"), "Hello")
    found = records(tmp_path)
    assert [row.record_id for row in found] == ["caf\ufffd", "th\ufffd.txt"]
    repr(found).encode()


def test_unfinished_files_and_recordings_are_left_out(tmp_path: Path) -> None:
    for name in ("_temporary/a.txt", ".hidden.txt", "call.txt.tmp", "call.wav", "README", "call.vtt"):
        put(tmp_path, name, CAPTIONS)
    assert ids(tmp_path) == ["call"]


@pytest.mark.parametrize(
    ("content", "what"), [("<!doctype html><p>Sign in", "web page"), ("{\\rtf1\\ansi Hello there.}", "RTF")]
)
def test_another_document_under_the_name_of_a_transcript_says_what_it_is(
    tmp_path: Path, content: str, what: str
) -> None:
    put(tmp_path, "call.txt", content)
    (row,) = records(tmp_path)
    assert isinstance(row, UnreadableRecord)
    assert row.error_type == "not_text" and what in row.error_message


def test_a_folder_without_any_transcript_is_no_empty_batch(tmp_path: Path) -> None:
    for name in ("call.wav", "notes.docx", "_temporary/a.txt"):
        put(tmp_path, name, modified=NIGHT - timedelta(days=9))
    error = pulled(tmp_path).error
    assert isinstance(error, ConfigurationError)
    assert "None of the 2 files" in str(error) and ".vtt" in str(error)


def test_a_prefix_by_day_lists_the_days_of_the_window_and_those_beside_them(tmp_path: Path) -> None:
    for day in ("2026/11/16", "2026/11/17", "2026/11/18", "2026/11/21", "2026/11/22", "2026/10/19"):
        put(tmp_path, f"calls/{day}/call.txt")
    found = ids(f"{tmp_path}/calls/{{date:%Y/%m/%d}}/", WINDOW)
    assert found == ["2026/11/18/call", "2026/11/21/call"]


def test_a_day_may_be_a_part_of_a_folders_name(tmp_path: Path) -> None:
    put(tmp_path, "calls/dt=2026-11-19/eu/call.txt")
    assert ids(f"{tmp_path}/calls/dt={{date:%Y-%m-%d}}") == ["dt=2026-11-19/eu/call"]


def test_days_are_read_in_turn_however_they_are_written(tmp_path: Path) -> None:
    put(tmp_path, "30-11-2026/a.txt", modified=datetime(2026, 11, 30, 12, tzinfo=UTC))
    put(tmp_path, "01-12-2026/b.txt", modified=datetime(2026, 12, 1, 12, tzinfo=UTC))
    window = Window(datetime(2026, 11, 30, tzinfo=UTC), datetime(2026, 12, 2, tzinfo=UTC))
    assert ids(f"{tmp_path}/{{date:%d-%m-%Y}}", window) == ["30-11-2026/a", "01-12-2026/b"]


def test_a_night_without_calls_is_an_empty_batch(tmp_path: Path) -> None:
    put(tmp_path, "2026/10/01/call.txt")
    assert ids(f"{tmp_path}/{{date:%Y/%m/%d}}") == []
    assert ids(tmp_path, Window(NIGHT, NIGHT + timedelta(days=1))) == []


@pytest.mark.parametrize("place", ["{}/missing", "{}/empty", "{}/missing/{{date:%Y}}", "{}/empty/{{date:%Y/%m/%d}}/"])
def test_a_prefix_that_never_had_a_file_says_what_to_check(tmp_path: Path, place: str) -> None:
    (tmp_path / "empty").mkdir()
    error = pulled(place.format(tmp_path)).error
    assert isinstance(error, ConfigurationError)
    assert "CALL_TRANSCRIPTS_PREFIX" in str(error)


def test_a_prefix_that_is_a_file_says_what_to_give(tmp_path: Path) -> None:
    error = pulled(put(tmp_path, "call.txt")).error
    assert isinstance(error, ConfigurationError) and "folder" in str(error)


@pytest.mark.parametrize("place", ["/x/{day}", "/x/{date:%Y", "/x/{}", "/x/{date.never}", "/x/{date:%Y}/{0}"])
def test_a_prefix_with_other_braces_says_how_to_write_days(place: str) -> None:
    error = pulled(place).error
    assert isinstance(error, ConfigurationError)
    assert "{date:%Y/%m/%d}" in str(error)


def test_a_prefix_by_day_needs_a_beginning() -> None:
    error = pulled("/x/{date:%Y}", Window(None, NIGHT)).error
    assert isinstance(error, ConfigurationError) and "since" in str(error)


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """More files than two checkpoints, in folders of days."""
    for number in range(2 * FILES_PER_CHECKPOINT + 5):
        put(tmp_path, f"dt=2026-11-{18 + number % 3}/{number:04d}.txt")
    return tmp_path


@pytest.mark.parametrize("prefix", ["", "/dt={date:%Y-%m-%d}"])
def test_a_retry_goes_on_from_the_last_checkpoint(many: Path, prefix: str) -> None:
    whole = pulled(f"{many}{prefix}")
    rest = pulled(f"{many}{prefix}", resume=whole.resume)
    assert len(whole.ids) == 2 * FILES_PER_CHECKPOINT + 5
    assert len(rest.ids) == 5
    assert [*whole.checkpointed_ids, *rest.ids] == whole.ids


def test_a_checkpoint_is_plain_json_and_comes_every_few_hundred_files(many: Path) -> None:
    items = list(Transcripts(str(many)).pull(WINDOW, None))
    checkpoints = [json.loads(json.dumps(item.resume)) for item in items if isinstance(item, Checkpoint)]
    assert [checkpoint["files"] for checkpoint in checkpoints] == [FILES_PER_CHECKPOINT, 2 * FILES_PER_CHECKPOINT]


@pytest.mark.parametrize("change", ["came", "changed", "went"])
def test_a_retry_that_finds_other_files_loses_none(many: Path, change: str) -> None:
    resume = pulled(many).resume
    if change == "went":
        (many / "dt=2026-11-18" / "0003.txt").unlink()
    else:
        put(
            many,
            f"dt=2026-11-18/000{3 if change == 'changed' else 4}.txt",
            "It broke before.",
            NIGHT - timedelta(hours=2),
        )
    again = pulled(many, resume=resume)
    assert again.ids == pulled(many).ids


def test_bad_files_never_stop_the_rest(tmp_path: Path) -> None:
    put(tmp_path, "a.txt", "Hello")
    put(tmp_path, "b.json", "{")
    put(tmp_path, "c.txt", b"\x89PNG\x00\x00")
    put(tmp_path, "d.txt", "")
    put(tmp_path, "e.txt", "word " * 1_000_000)
    put(tmp_path, "f.txt", b"A" * (MAX_FILE_BYTES + 1))
    put(tmp_path, "g.txt.gz", gzip.compress(b"a " * MAX_FILE_BYTES))
    put(tmp_path, "h.zip", b"PK\x03\x04")
    put(tmp_path, "i.json", '{"hello": "world"}')
    put(tmp_path, "j.txt", "café au lait".encode() + b"\xff")
    put(tmp_path, "z.vtt", CAPTIONS)
    *bad, good = records(tmp_path)
    assert isinstance(good, Record)
    assert [row.error_type if isinstance(row, UnreadableRecord) else "record" for row in bad] == [
        "too_short",
        "not_json",
        "not_text",
        "empty_text",
        "too_large",
        "too_large",
        "too_large",
        "not_text",
        "not_transcript",
        "invalid_utf8",
    ]
    assert all(isinstance(row, UnreadableRecord) and len(row.raw) <= 2_000 for row in bad)
    assert [row.record_id for row in bad][:4] == ["a.txt", "b.json", "c.txt", "d"]


def test_a_file_that_goes_away_between_listing_and_reading_is_left_out(tmp_path: Path) -> None:
    put(tmp_path, "a.txt")
    second = put(tmp_path, "b.txt")
    put(tmp_path, "c.txt")
    rows = Transcripts(str(tmp_path)).pull(WINDOW, None)
    next(rows)
    second.unlink()
    assert [row.place for row in rows if not isinstance(row, Checkpoint)] == ["c.txt"]


@pytest.fixture
def guarded() -> Iterator[Path]:
    """A folder, for as long as this process has no more rights than any: root may read every file."""
    pulled(os.devnull)  # What is imported on the way is root's.
    folder = Path(tempfile.mkdtemp(prefix="calls-"))
    folder.chmod(0o777)
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield folder
    finally:
        os.seteuid(user)
        shutil.rmtree(folder)


@pytest.mark.parametrize("refused", ["a.txt", "b.txt", "c.txt"])
def test_a_file_that_may_not_be_read_does_not_stop_the_rest(guarded: Path, refused: str) -> None:
    for name in ("a.txt", "b.txt", "c.txt"):
        put(guarded, name).chmod(0o000 if name == refused else 0o644)
    (unreadable,) = (row for row in records(guarded) if isinstance(row, UnreadableRecord))
    assert (unreadable.record_id, unreadable.error_type) == (refused, "no_permission")
    assert len(ids(guarded)) == 3


def test_why_a_file_may_not_be_read_is_said_without_its_name(guarded: Path) -> None:
    put(guarded, "call.txt")
    put(guarded, "agent7_+447911123456_2.txt").chmod(0o000)
    found = records(guarded)
    assert "Permission denied" in repr(found) and "447911" not in repr(found)


@pytest.mark.parametrize("count", [1, FILES_PER_CHECKPOINT + 1])
def test_if_no_file_may_be_read_it_is_the_credentials(guarded: Path, count: int) -> None:
    put(guarded, "archive.zip")
    for number in range(count):
        put(guarded, f"{number:04d}.txt").chmod(0o000)
    found = pulled(guarded)
    assert isinstance(found.error, ConfigurationError) and "connection" in str(found.error)
    assert found.resume is None


def test_the_same_window_gives_the_same_records(tmp_path: Path) -> None:
    put(tmp_path, "b.txt")
    put(tmp_path, "a/c.vtt", CAPTIONS)
    put(tmp_path, "d.json", "{")
    assert records(tmp_path) == records(tmp_path)


@pytest.fixture
def bucket(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """A bucket, and the Airflow connection `aws_default` to its server."""
    extra = {"endpoint_url": s3_server.environ["AWS_ENDPOINT_URL"], "region_name": "us-east-1"}
    key, secret = s3_server.environ["AWS_ACCESS_KEY_ID"], s3_server.environ["AWS_SECRET_ACCESS_KEY"]
    connection = {"conn_type": "aws", "login": key, "password": secret, "extra": json.dumps(extra)}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    name = f"calls-{uuid.uuid4().hex}"
    s3_server.file_system().mkdir(name)
    return name


@pytest.fixture
def today() -> Window:
    now = datetime.now(UTC)
    return Window(now - timedelta(hours=1), now + timedelta(hours=1))


def test_a_bucket_is_read_through_its_airflow_connection(bucket: str, s3_server: S3Server, today: Window) -> None:
    day = f"{datetime.now(UTC):%Y/%m/%d}"
    s3_server.file_system().pipe(
        {
            f"{bucket}/eu/{day}/one.vtt": CAPTIONS.encode(),
            f"{bucket}/eu/{day}/two.txt": gzip.compress(b"Agent: Hello.\nCustomer: Hi."),
            f"{bucket}/eu/{day}/empty.txt": b"",
            f"{bucket}/eu/2020/01/01/old.vtt": CAPTIONS.encode(),
        }
    )
    for place in (f"s3://aws_default@{bucket}/eu/{{date:%Y/%m/%d}}/", f"s3://aws_default@{bucket}/eu"):
        found = {call.record_id: call for call in records(place, today)}
        assert {f"{day}/one", f"{day}/two", f"{day}/empty"} == found.keys() - {"2020/01/01/old"}
        one, empty = found[f"{day}/one"], found[f"{day}/empty"]
        assert isinstance(one, Record) and one.source_url == f"s3://{bucket}/eu/{day}/one.vtt"
        assert isinstance(empty, UnreadableRecord) and empty.error_type == "empty_text"
    assert ids(f"s3://aws_default@{bucket}/eu", Window(today.end, today.end + timedelta(hours=1))) == []


def test_an_object_that_goes_away_between_listing_and_reading_is_left_out(
    bucket: str, s3_server: S3Server, today: Window
) -> None:
    fs = s3_server.file_system()
    fs.pipe({f"{bucket}/{name}.txt": b"It broke again." for name in "abc"})
    rows = Transcripts(f"s3://aws_default@{bucket}").pull(today, None)
    next(rows)
    fs.rm(f"{bucket}/b.txt")
    assert [row.place for row in rows if not isinstance(row, Checkpoint)] == ["c.txt"]


@pytest.mark.parametrize("prefix", ["", "/{{date:%Y/%m/%d}}"])
@pytest.mark.parametrize(
    "place",
    ["s3://aws_default@no-such-bucket/calls", "s3://aws_default@{}/missing", "s3://no_such_connection@{}/calls"],
)
def test_a_wrong_bucket_prefix_or_connection_says_what_to_check(
    bucket: str, today: Window, place: str, prefix: str
) -> None:
    error = pulled(f"{place}{prefix}".format(bucket), today).error
    assert isinstance(error, ConfigurationError)
    assert "CALL_TRANSCRIPTS_PREFIX" in str(error) and "connection" in str(error)


def test_refused_credentials_say_what_to_check(bucket: str, monkeypatch: pytest.MonkeyPatch, today: Window) -> None:
    connection = json.loads(os.environ["AIRFLOW_CONN_AWS_DEFAULT"]) | {"password": "wrong"}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_REFUSED", json.dumps(connection))
    error = pulled(f"s3://aws_refused@{bucket}", today).error
    assert isinstance(error, ConfigurationError) and "connection" in str(error)


@pytest.mark.slow
def test_a_store_that_is_away_is_tried_again_later(monkeypatch: pytest.MonkeyPatch, today: Window) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        extra = {"endpoint_url": f"http://127.0.0.1:{closed.getsockname()[1]}", "region_name": "us-east-1"}
        connection = {"conn_type": "aws", "login": "key", "password": "secret", "extra": json.dumps(extra)}
        monkeypatch.setenv("AIRFLOW_CONN_AWS_AWAY", json.dumps(connection))
        assert isinstance(pulled("s3://aws_away@calls/eu", today).error, RetryLater)


def test_a_storage_without_its_provider_says_what_to_install() -> None:
    error = pulled("abfs://bucket/calls").error
    assert isinstance(error, ConfigurationError) and "Install the Airflow provider" in str(error)


def test_of_several_files_of_one_call_the_richest_counts(tmp_path: Path) -> None:
    segments = [{"start": 0, "end": 3, "text": "Hello.", "speaker": "S0"}, {"start": 3, "text": "Hi.", "speaker": "S1"}]
    put(tmp_path, "eu/call-7.json", json.dumps({"segments": segments}))
    put(tmp_path, "eu/call-70.txt", "It is another call.")
    put(tmp_path, "eu/call-7.srt", "1\n00:00:00,000 --> 00:00:03,000\nHello. Hi.\n")
    put(tmp_path, "eu/call-7.txt", "Hello.\nHi.\n")
    put(tmp_path, "us/call-7.txt", "It is a third one.")
    found = {call.record_id: call for call in records(tmp_path)}
    assert found.keys() == {"eu/call-7", "eu/call-70", "us/call-7"}
    call = found["eu/call-7"]
    assert isinstance(call, Record) and call.text == "S0: Hello.\nS1: Hi."


def test_files_of_one_call_are_on_one_side_of_a_checkpoint(tmp_path: Path) -> None:
    for number in range(FILES_PER_CHECKPOINT):
        put(tmp_path, f"{number:04d}.srt", "1\n00:00:00,000 --> 00:00:03,000\nHello. Hi.\n")
        put(tmp_path, f"{number:04d}.txt", "Hello. Hi.")
    put(tmp_path, "0098a.txt")
    whole = pulled(tmp_path)
    assert whole.resume is not None and whole.resume["files"] > FILES_PER_CHECKPOINT
    assert len(whole.ids) == len(set(whole.ids)) == FILES_PER_CHECKPOINT + 1
    assert [*whole.checkpointed_ids, *pulled(tmp_path, resume=whole.resume).ids] == whole.ids


def test_the_pipeline_reads_the_prefix_that_is_set() -> None:
    assert source({}) is None
    assert source({"CALL_TRANSCRIPTS_PREFIX": "/data/calls"}) == Transcripts("/data/calls")
