"""JSON that no known program writes, read by names that a person gives."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from include.pipelines.call_transcripts.pipeline import PIPELINE
from include.sources.calls.mapped import EXAMPLE, mapped
from include.sources.calls.transcript_file import read_transcript
from include.sources.columns import ColumnMapping, columns_setting
from include.sources.row import BadRow
from include.sources.source import Window
from include.sources.transcript import Turn
from include.stages.source import source_of
from tests.sources.pulling import pull

DOCUMENT = {
    "call": {"id": "C-17", "begin": "2026-11-19T10:00:00Z"},
    "queue": "billing",
    "results": {
        "segments": [
            {"who": {"name": "Agent"}, "words": "Hello.", "start": "00:00:01", "end": "00:00:02"},
            {"who": {"name": "Customer"}, "words": "It broke.", "start": "00:00:03"},
        ]
    },
}
SETTING = columns_setting(PIPELINE.name)


def mapping(names: str) -> ColumnMapping:
    return ColumnMapping.of(SETTING, names)


NAMES = mapping(
    "turns=results.segments, speaker=who.name, text=words, at=start, end=end, id=call.id, created_at=call.begin"
)


def row(document: Any, setting: str) -> dict[str, Any] | BadRow:
    return read_transcript("a.json", json.dumps(document).encode(), mapping(setting))


def test_turns_are_read_by_their_names_and_the_call_by_its() -> None:
    transcript = mapped(DOCUMENT, NAMES)
    assert transcript is not None
    assert [(turn.role, turn.text, turn.start, turn.end) for turn in transcript.turns] == [
        ("Agent", "Hello.", 1.0, 2.0),
        ("Customer", "It broke.", 3.0, None),
    ]
    assert transcript.row()["id"] == "C-17" and transcript.row()["created_at"] == "2026-11-19T10:00:00Z"
    assert transcript.row()["queue"] == "billing"


def test_without_the_names_the_file_is_unknown_and_says_how_they_are_set() -> None:
    unknown = read_transcript("a.json", json.dumps(DOCUMENT).encode())
    assert isinstance(unknown, BadRow) and EXAMPLE in unknown.error_message


@pytest.mark.parametrize("name", ["start_ms", "items"])
def test_milliseconds_are_known_by_their_size(name: str) -> None:
    transcript = mapped([{"text": "Hello.", name: 1_500}], mapping(f"turns=.,at={name}"))
    assert transcript is not None and transcript.turns[0].start == 1.5


def test_dates_of_turns_say_when_the_call_began_and_order_them() -> None:
    turns = [{"text": "Hi.", "t": "2026-11-19T10:00:05Z"}, {"text": "Hello.", "t": "2026-11-19T10:00:00Z"}]
    transcript = mapped({"log": turns}, mapping("turns=log,at=t"))
    assert transcript is not None and transcript.columns["created_at"] == datetime(2026, 11, 19, 10, tzinfo=UTC)
    assert [(turn.text, turn.start) for turn in transcript.turns] == [("Hello.", 0.0), ("Hi.", 5.0)]


def test_files_in_which_nothing_stands_there_are_read_as_ever() -> None:
    read = row({"turns": [{"role": "agent", "text": "Hello there."}]}, "turns=results.segments,text=words")
    assert isinstance(read, dict) and read["turns"] == [{"role": "agent", "text": "Hello there."}]


@pytest.mark.parametrize("setting", ["turns=results.segments", "turns=results.segments,text=said,speaker=who"])
def test_a_turn_without_a_text_under_the_name_makes_the_file_unknown(setting: str) -> None:
    unknown = row(DOCUMENT, setting)
    assert isinstance(unknown, BadRow) and unknown.error_type == "not_transcript"
    assert SETTING in unknown.error_message and "Hello" not in unknown.error_message


def test_ways_lead_through_lists_and_parts_are_joined() -> None:
    """As Speechmatics writes its words, and others first and last names."""
    turns = [{"start_time": 1.5, "by": {"first": "Ida", "last": "Holm"}, "alternatives": [{"content": "Hello."}]}]
    names = "turns=results,text=alternatives.0.content,at=start_time,speaker=by.first+by.last"
    transcript = mapped({"results": turns}, mapping(names))
    assert transcript is not None and transcript.turns == (Turn("Ida Holm", "Hello.", 1.5),)


def test_the_setting_of_the_pipeline_is_that_of_its_transcripts(tmp_path: Path) -> None:
    environ = {"CALL_TRANSCRIPTS_PREFIX": str(tmp_path), SETTING: "turns=results.segments,text=words,speaker=who.name"}
    (tmp_path / "C-17.json").write_text(json.dumps(DOCUMENT))
    (row,) = pull(source_of(PIPELINE, environ), Window(None, datetime.now(UTC))).rows
    assert isinstance(row.row, dict) and row.row["turns"][1] == {"role": "Customer", "text": "It broke."}
