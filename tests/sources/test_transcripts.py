"""Calls as files: every format that speech services write, found by listing, on a folder and on a real S3 server."""

import gzip
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from include.errors import ConfigurationError
from include.pipelines.call_transcripts.source import source
from include.sources.files import normaliser_of
from include.sources.record import Record, UnreadableRecord
from include.sources.row import BadRow
from include.sources.source import Checkpoint, SourceRow, Window
from include.sources.transcript_json import turns_of_json
from include.sources.transcript_text import turns_of_cues, turns_of_text
from include.sources.transcripts import FILES_PER_CHECKPOINT, MAX_FILE_BYTES, Transcripts
from tests.servers.s3 import S3Server

NIGHT = datetime(2026, 11, 20, 3, tzinfo=UTC)
WINDOW = Window(NIGHT - timedelta(days=1), NIGHT)

VTT = """WEBVTT - Call 17

NOTE recorded line

STYLE
::cue { color: lime }

1
00:00:01.000 --> 00:00:04.000
<v Agent Smith>Hello, how can I help?

00:00:04.500 --> 00:00:06.000 align:start
<v Customer>My parcel is <i>late</i>.</v>

00:06.000 --> 00:08.000
<v Customer>By &gt; two weeks.
"""
SRT = "1\n00:00:01,000 --> 00:00:02,000\nAgent: Hello.\n\n2\n00:00:03,500 --> 00:00:04,000\nCustomer: Hi, it broke.\n"
TRANSCRIBE = {
    "results": {
        "transcripts": [{"transcript": "Hello there. It broke."}],
        "speaker_labels": {
            "segments": [
                {
                    "items": [
                        {"start_time": "0.1", "speaker_label": "spk_0"},
                        {"start_time": "0.5", "speaker_label": "spk_0"},
                    ]
                },
                {
                    "items": [
                        {"start_time": "1.5", "speaker_label": "spk_1"},
                        {"start_time": "1.9", "speaker_label": "spk_1"},
                    ]
                },
            ]
        },
        "items": [
            {"type": "pronunciation", "start_time": "0.1", "alternatives": [{"content": "Hello"}]},
            {"type": "pronunciation", "start_time": "0.5", "alternatives": [{"content": "there"}]},
            {"type": "punctuation", "alternatives": [{"content": "."}]},
            {"type": "pronunciation", "start_time": "1.5", "alternatives": [{"content": "It"}]},
            {"type": "pronunciation", "start_time": "1.9", "alternatives": [{"content": "broke"}]},
            {"type": "punctuation", "alternatives": [{"content": "."}]},
        ],
    }
}
CALL_ANALYTICS = {
    "LanguageCode": "en-US",
    "Transcript": [
        {"ParticipantRole": "AGENT", "Content": "Hello.", "BeginOffsetMillis": 150},
        {"ParticipantRole": "CUSTOMER", "Content": "It broke.", "BeginOffsetMillis": 2500},
    ],
}
OPENAI = {
    "segments": [
        {"speaker": "A", "start": 0.0, "end": 1.0, "text": " Hello."},
        {"speaker": "A", "start": 1.0, "end": 2.0, "text": " Who is it?"},
        {"speaker": "B", "start": 2.5, "end": 3.0, "text": " It broke."},
    ]
}


def said(turns: list[dict[str, Any]] | None) -> list[tuple[Any, ...]]:
    return [(turn["role"], turn["text"], turn.get("at")) for turn in turns or []]


def test_webvtt_keeps_speakers_and_times_and_leaves_notes_out() -> None:
    assert said(turns_of_cues(VTT)) == [
        ("Agent Smith", "Hello, how can I help?", 1.0),
        ("Customer", "My parcel is late. By > two weeks.", 4.5),
    ]


def test_subrip_names_speakers_in_its_text() -> None:
    assert said(turns_of_cues(SRT)) == [("Agent", "Hello.", 1.0), ("Customer", "Hi, it broke.", 3.5)]


def test_plain_text_with_speakers_is_turns() -> None:
    text = "[00:01] Agent: Hello.\n[00:05] Customer: It broke.\nToday.\nAgent: I see."
    assert said(turns_of_text(text)) == [
        ("Agent", "Hello.", 1.0),
        ("Customer", "It broke. Today.", 5.0),
        ("Agent", "I see.", None),
    ]


@pytest.mark.parametrize("text", ["It broke at 10:30 today.", "Dear all,\nplease note: the line is down.\nThanks"])
def test_plain_text_without_speakers_has_no_turns(text: str) -> None:
    assert turns_of_text(text) == []


def test_amazon_transcribe_words_become_turns() -> None:
    assert said(turns_of_json(TRANSCRIBE)) == [("spk_0", "Hello there.", 0.1), ("spk_1", "It broke.", 1.5)]


def test_amazon_transcribe_without_speakers_is_one_text() -> None:
    document = {"results": {"transcripts": [{"transcript": "Hello there."}], "items": []}}
    assert said(turns_of_json(document)) == [(None, "Hello there.", 0.0)]


def test_call_analytics_has_roles() -> None:
    assert said(turns_of_json(CALL_ANALYTICS)) == [("agent", "Hello.", 0.15), ("customer", "It broke.", 2.5)]


def test_openais_diarised_segments_become_turns() -> None:
    assert said(turns_of_json(OPENAI)) == [("A", "Hello. Who is it?", 0.0), ("B", "It broke.", 2.5)]


@pytest.mark.parametrize("document", [[], {}, {"results": {}}, {"segments": [{"text": 1}]}, {"turns": [{}]}, None])
def test_json_of_another_shape_is_none(document: Any) -> None:
    assert turns_of_json(document) is None


def put(folder: Path, name: str, content: str | bytes | dict[str, Any], modified: datetime | None = None) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    data = json.dumps(content) if isinstance(content, dict) else content
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    moment = (modified or NIGHT - timedelta(hours=1)).timestamp()
    os.utime(path, (moment, moment))


def pulled(folder: Path | str, window: Window = WINDOW, resume: dict[str, Any] | None = None) -> list[SourceRow]:
    return [item for item in Transcripts(str(folder)).pull(window, resume) if isinstance(item, SourceRow)]


def records(rows: list[SourceRow]) -> list[Record | UnreadableRecord]:
    normaliser = normaliser_of("call_transcripts", {}, NIGHT)
    return [normaliser.record(row.row, row.place) for row in rows]


def bad(folder: Path, name: str, content: str | bytes | dict[str, Any]) -> str:
    put(folder, name, content)
    (row,) = pulled(folder)
    assert isinstance(row.row, BadRow)
    return row.row.error_type


def test_a_call_is_named_by_its_file_and_dated_by_its_time(tmp_path: Path) -> None:
    put(tmp_path, "eu/call-17.vtt", VTT)
    (record,) = records(pulled(tmp_path))
    assert isinstance(record, Record)
    assert record.record_id == "eu/call-17"
    assert record.occurred_at == NIGHT - timedelta(hours=1)
    assert record.text.startswith("Agent Smith: Hello, how can I help?\nCustomer: My parcel")
    assert record.attributes["turn_seconds"] == "[1.0,4.5]"
    assert record.attributes["speakers"] == "2"


def test_only_what_was_modified_in_the_window_is_read(tmp_path: Path) -> None:
    put(tmp_path, "old.txt", "It broke again.", NIGHT - timedelta(days=2))
    put(tmp_path, "new.txt", "It broke again.", NIGHT - timedelta(hours=2))
    put(tmp_path, "next.txt", "It broke again.", NIGHT)
    assert [row.row["id"] for row in pulled(tmp_path) if not isinstance(row.row, BadRow)] == ["new"]


def test_a_file_that_is_uploaded_again_unchanged_is_the_same_version(tmp_path: Path) -> None:
    put(tmp_path, "call.txt", "It broke again.")
    (before,) = pulled(tmp_path)
    put(tmp_path, "call.txt", "It broke again.", NIGHT - timedelta(minutes=1))
    (after,) = pulled(tmp_path)
    assert not isinstance(before.row, BadRow) and not isinstance(after.row, BadRow)
    assert before.row["record_version"] == after.row["record_version"]


def test_a_prefix_with_dates_lists_only_the_days_of_the_window(tmp_path: Path) -> None:
    put(tmp_path, "2026/11/19/a.txt", "It broke again.")
    put(tmp_path, "2026/10/01/b.txt", "It broke again.")
    rows = pulled(f"{tmp_path}/{{date:%Y/%m/%d}}")
    assert [row.row["id"] for row in rows if not isinstance(row.row, BadRow)] == ["2026/11/19/a"]


def test_a_checkpoint_comes_every_few_hundred_files_and_is_gone_on_from(tmp_path: Path) -> None:
    for number in range(FILES_PER_CHECKPOINT + 5):
        put(tmp_path, f"{number:04d}.txt", "It broke again.")
    items = list(Transcripts(str(tmp_path)).pull(WINDOW, None))
    (checkpoint,) = [item for item in items if isinstance(item, Checkpoint)]
    rest = pulled(tmp_path, resume=dict(checkpoint.resume))
    assert [row.row["id"] for row in rest if not isinstance(row.row, BadRow)] == [
        f"{FILES_PER_CHECKPOINT + number:04d}" for number in range(5)
    ]


def test_utf_16_with_a_mark_is_read(tmp_path: Path) -> None:
    put(tmp_path, "call.txt", "Es ist kaputt.".encode("utf-16"))
    (record,) = records(pulled(tmp_path))
    assert isinstance(record, Record) and record.text == "Es ist kaputt."


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("latin.txt", "Der Kühler läuft".encode("latin-1"), "invalid_utf8"),
        ("picture.txt", b"\x89PNG\r\n\x1a\n\x00\x00", "invalid_utf8"),
        ("broken.json", '{"turns": [', "not_json"),
        ("other.json", {"hello": "world"}, "not_json"),
        ("long.txt", "word " * (MAX_FILE_BYTES // 4), "too_large"),
        ("bomb.txt.gz", gzip.compress(b"a " * 50_000_000), "too_large"),
        ("no.txt.gz", b"not gzip at all", "damaged_file"),
        ("cut.txt.gz", gzip.compress(b"It broke again. " * 1000)[:40], "damaged_file"),
        ("word.txt", "Hello", "too_short"),
    ],
)
def test_a_bad_file_says_why(name: str, content: Any, reason: str, tmp_path: Path) -> None:
    assert bad(tmp_path, name, content) == reason


def test_an_empty_file_is_a_record_without_text(tmp_path: Path) -> None:
    put(tmp_path, "empty.txt", "")
    (record,) = records(pulled(tmp_path))
    assert isinstance(record, UnreadableRecord) and record.error_type == "empty_text"


def test_a_bad_file_never_stops_the_rest(tmp_path: Path) -> None:
    put(tmp_path, "a.json", "{")
    put(tmp_path, "b.json", OPENAI)
    assert [type(record) for record in records(pulled(tmp_path))] == [UnreadableRecord, Record]


def test_an_empty_prefix_says_what_to_check(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Check the prefix"):
        pulled(tmp_path)


@pytest.fixture
def bucket(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    extra = json.dumps({"endpoint_url": s3_server.environ["AWS_ENDPOINT_URL"], "region_name": "us-east-1"})
    key, secret = s3_server.environ["AWS_ACCESS_KEY_ID"], s3_server.environ["AWS_SECRET_ACCESS_KEY"]
    connection = {"conn_type": "aws", "login": key, "password": secret, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_CALLS_STORE", json.dumps(connection))
    fs = s3_server.file_system()
    fs.mkdir("calls")
    yield "calls"
    fs.rm("calls", recursive=True)


def test_a_bucket_is_read_through_its_airflow_connection(bucket: str, s3_server: S3Server) -> None:
    fs = s3_server.file_system()
    fs.pipe_file(f"{bucket}/eu/one.vtt", VTT.encode())
    fs.pipe_file(f"{bucket}/eu/two.json", json.dumps(CALL_ANALYTICS).encode())
    now = datetime.now(UTC)
    window = Window(now - timedelta(hours=1), now + timedelta(hours=1))
    found = records(pulled(f"s3://calls_store@{bucket}/eu", window))
    assert [record.record_id for record in found] == ["one", "two"]
    assert all(isinstance(record, Record) for record in found)
    assert pulled(f"s3://calls_store@{bucket}/eu", Window(now + timedelta(hours=1), now + timedelta(hours=2))) == []


def test_the_pipeline_reads_the_prefix_that_is_set() -> None:
    assert source({}) is None
    assert source({"CALL_TRANSCRIPTS_PREFIX": "/data/calls"}) == Transcripts("/data/calls")
