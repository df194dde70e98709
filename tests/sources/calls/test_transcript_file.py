"""One transcript file: its format, its encoding, and what a file that is none becomes."""

import codecs
import gzip
import io
import json
import tracemalloc
import zipfile
from datetime import UTC, datetime
from typing import Any

import pytest

from include.sources.calls.transcript_file import (
    HEAD_BYTES,
    MAX_FILE_BYTES,
    MAX_TEXT_BYTES,
    call_name,
    is_transcript,
    read_transcript,
)
from include.sources.normalise import Normaliser
from include.sources.record import UnreadableRecord
from include.sources.row import BadRow

LINES = "Agent: Hello.\nCustomer: Größe 😀 is wrong.\n"
TURNS = [{"role": "Agent", "text": "Hello."}, {"role": "Customer", "text": "Größe 😀 is wrong."}]
CAPTIONS = (
    "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Agent>Hello.\n\n00:03.000 --> 00:04.000\n<v Customer>Größe 😀 is wrong.\n"
)
SEGMENTS = {"segments": [{"speaker": turn["role"], "text": turn["text"], "start": 1, "end": 2} for turn in TURNS]}


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("call.txt", LINES)
    return buffer.getvalue()


def read(name: str, data: str | bytes) -> dict[str, Any]:
    row = read_transcript(name, data.encode() if isinstance(data, str) else data)
    assert isinstance(row, dict), row
    return row


def bad(name: str, data: str | bytes) -> BadRow:
    row = read_transcript(name, data.encode() if isinstance(data, str) else data)
    assert isinstance(row, BadRow), row
    return row


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.txt", LINES),
        ("a.TXT", LINES),
        ("a.vtt", CAPTIONS),
        ("a.srt", CAPTIONS.replace("WEBVTT\n\n", "")),
        ("a.txt", CAPTIONS),
        ("a.json", json.dumps(SEGMENTS)),
        ("a.json", "\ufeff" + json.dumps(SEGMENTS)),
    ],
)
def test_every_format_gives_the_same_turns(name: str, data: str) -> None:
    assert read(name, data)["turns"] == TURNS


@pytest.mark.parametrize(
    "data",
    [
        LINES.encode(),
        codecs.BOM_UTF8 + LINES.encode(),
        LINES.encode("utf-16"),
        codecs.BOM_UTF16_BE + LINES.encode("utf-16-be"),
        LINES.encode("utf-16-le"),
        LINES.encode("utf-16-be"),
        LINES.replace("\n", "\r\n").encode(),
        LINES.replace("\n", "\r").encode(),
    ],
)
def test_every_encoding_gives_the_same_turns(data: bytes) -> None:
    assert read("a.txt", data)["turns"] == TURNS


def test_captions_of_windows_are_read_as_what_they_look_like() -> None:
    cues = ("1\n00:00:01,000 --> 00:00:03,000\nSchöne Grüße", "2\n00:00:04,000 --> 00:00:06,000\nSie läuft nicht")
    row = read("a.srt", "\n\n".join(cues).encode("cp1252"))
    assert row == read("a.srt", "\n\n".join(cues).encode()) and "Schöne Grüße" in repr(row)


def test_a_text_without_speakers_keeps_its_lines() -> None:
    assert read("a.txt", "Hello there.\n\nIt broke.")["text"] == "Hello there.\n\nIt broke."


@pytest.mark.parametrize("name", ["a.txt.gz", "a.TXT.GZ", "a.txt"])
def test_gzip_is_unpacked_whatever_the_name(name: str) -> None:
    assert read(name, gzip.compress(LINES.encode(), mtime=0))["turns"] == TURNS


def test_the_version_changes_with_the_words_only() -> None:
    version = read("a.txt", LINES)["record_version"]
    assert read("b.txt.gz", gzip.compress(LINES.encode("utf-16"), mtime=0))["record_version"] == version
    assert read("a.txt", LINES + "Agent: Bye.")["record_version"] != version


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("damaged.txt", "Der Kühler läuft".encode() + b" nicht \xff", "invalid_utf8"),
        ("half.txt", codecs.BOM_UTF16_LE + b"H\x00i", "invalid_utf8"),
        ("picture.txt", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "not_text"),
        ("recording.vtt", b"RIFF\x24\x08\x00\x00WAVEfmt ", "not_text"),
        ("archive.txt", zipped(), "not_text"),
        ("broken.json", '{"turns": [', "not_json"),
        ("deep.json", "[" * 100_000, "not_json"),
        ("digits.json", "9" * 10_000, "not_json"),
        ("other.json", '{"hello": "world"}', "not_transcript"),
        ("failed.json", '{"jobName": "call", "status": "FAILED", "results": {}}', "not_transcript"),
        ("failed.json", '{"JobStatus": "FAILED", "Transcript": []}', "not_transcript"),
        ("none.vtt", "WEBVTT\n\nNOTE nobody was there at all", "not_transcript"),
        ("prose.srt", "Hello there. It broke.", "not_transcript"),
        ("no.txt.gz", b"not gzip at all", "damaged_file"),
        ("cut.txt.gz", gzip.compress(LINES.encode() * 1_000, mtime=0)[:40], "damaged_file"),
        ("flipped.txt.gz", gzip.compress(LINES.encode(), mtime=0)[:-8] + b"\x00" * 8, "damaged_file"),
        ("long.txt", b"word " * (MAX_TEXT_BYTES // 5 + 1), "too_large"),
        ("long.vtt.gz", gzip.compress(b"word " * (MAX_TEXT_BYTES // 5 + 1), mtime=0), "too_large"),
        ("long.json", b"[" + b"1," * (MAX_FILE_BYTES // 2 + 1), "too_large"),
        ("word.txt", "Hello", "too_short"),
        ("word.json", '{"turns": [{"role": "customer", "text": "Hm..."}]}', "too_short"),
        ("word.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Anna Smith>It's.", "too_short"),
        ("noise.txt", "...", "too_short"),
    ],
)
def test_a_file_that_is_no_call_says_why(name: str, data: str | bytes, reason: str) -> None:
    row = bad(name, data)
    assert row.error_type == reason
    assert 0 < len(row.raw) <= HEAD_BYTES


def test_a_failed_job_is_named_as_such() -> None:
    assert "job failed" in bad("a.json", '{"jobName": "call", "status": "FAILED"}').error_message


def test_a_job_that_is_not_finished_says_so_and_keeps_no_signature() -> None:
    media = {"MediaFileUri": "https://b.example.com/a.wav?X-Amz-Signature=SECRET"}
    job = {"TranscriptionJobStatus": "IN_PROGRESS", "Media": media}
    row = bad("a.json", json.dumps({"TranscriptionJob": job}))
    assert (row.error_type, "not finished (IN_PROGRESS)" in row.error_message) == ("not_transcript", True)
    record = Normaliser("call_transcripts", {}, datetime(2026, 11, 20, tzinfo=UTC)).record(row, "a.json")
    assert isinstance(record, UnreadableRecord) and "MediaFileUri" in record.raw and "SECRET" not in record.raw


def test_of_broken_json_the_words_one_by_one_are_not_kept() -> None:
    text = '{"results": {"transcripts": [{"transcript": "It is 4111"}], "items": [{"content": "4111"}'
    assert bad("a.json", text).raw == b'{"results": {"transcripts": [{"transcript": "It is 4111"}], '


def test_json_of_another_shape_names_the_shapes_that_are_known() -> None:
    message = bad("a.json", "{}").error_message
    assert "Amazon Transcribe" in message and "OpenAI" in message and "turns" in message


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.txt", ""),
        ("a.txt", " \n\u200b"),
        ("a.json", ""),
        ("a.vtt", "WEBVTT\n"),
        ("a.json", '{"turns": []}'),
        ("a.txt.gz", b""),
    ],
)
def test_a_call_without_a_word_has_no_text(name: str, data: str | bytes) -> None:
    row = read(name, data)
    assert not row.get("turns") and not row["text"].strip(" \n\u200b")


@pytest.mark.parametrize("text", ["It broke", "Hi, Anna", "我的包裹坏了，请帮我", "ja-ja nein", "x" * 41])
def test_more_than_a_word_is_a_call(text: str) -> None:
    assert read("a.txt", text)["text"] == text


def test_a_gzip_bomb_is_unpacked_no_further_than_the_cap() -> None:
    bomb = gzip.compress(b"a " * 50_000_000, compresslevel=1, mtime=0)
    tracemalloc.start()
    row = bad("bomb.txt.gz", bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert row.error_type == "too_large"
    assert peak < 4 * MAX_FILE_BYTES


@pytest.mark.parametrize("ending", ["txt", "vtt", "srt", "json", "JSON", "vtt.gz", "Txt.Gz"])
def test_the_name_without_its_ending_is_the_calls(ending: str) -> None:
    assert is_transcript(f"eu/call.17.{ending}")
    assert call_name(f"eu/call.17.{ending}") == "eu/call.17"


@pytest.mark.parametrize(
    "name", ["call.wav", "call.mp3", "call", "calls.tar.gz", "txt", "notes.docx", "call.txt.tmp", "a.zip"]
)
def test_other_files_are_no_transcripts(name: str) -> None:
    assert not is_transcript(name)
