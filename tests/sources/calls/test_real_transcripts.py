"""Real and realistic calls, written as speech services and players would, and read back."""

import html
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from include.sources.calls.transcripts import Transcripts
from tests.sources.pulling import pull, records

DATA = Path(__file__).parents[4] / "shared" / "data"
pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not DATA.is_dir(), reason="the folder with real texts is not there"),
]

Turns = list[tuple[str, str]]


def calls(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name / "data.jsonl").read_bytes().split(b"\n") if line]


def turns_of(call: Mapping[str, Any]) -> Turns:
    """Roles and words; what one says in a row joined."""
    said = [(turn["role"], " ".join(turn["text"].split())) for turn in call["turns"]]
    spoken = [(role, text) for role, text in said if text]
    return [(role, " ".join(text for _, text in group)) for role, group in groupby(spoken, key=lambda turn: turn[0])]


def as_text(turns: Turns) -> str:
    return "".join(f"{role}: {text}\n" for role, text in turns)


def as_captions(turns: Turns) -> str:
    times = [f"{number // 60:02d}:{number % 60:02d}" for number in range(len(turns))]
    cues = [
        f"{time}.000 --> {time}.900\n<v {role}>{html.escape(text, quote=False)}"
        for time, (role, text) in zip(times, turns, strict=True)
    ]
    return "\n\n".join(["WEBVTT", *cues, ""])


def as_transcribe(turns: Turns) -> str:
    items: list[dict[str, Any]] = []
    for role, text in turns:
        for word in text.split():
            times = {"start_time": f"{len(items) / 2}", "end_time": f"{len(items) / 2 + 0.4}"}
            items.append({"type": "pronunciation", "speaker_label": role, "alternatives": [{"content": word}], **times})
    text = " ".join(text for _, text in turns)
    return json.dumps({"results": {"transcripts": [{"transcript": text}], "items": items}})


def as_segments(turns: Turns) -> str:
    segments = [
        {"speaker": role, "text": f" {text}", "start": number, "end": number + 0.9}
        for number, (role, text) in enumerate(turns)
    ]
    return json.dumps({"task": "transcribe", "duration": len(turns), "segments": segments})


def as_our_own(turns: Turns) -> str:
    return json.dumps({"turns": [{"role": role, "text": text} for role, text in turns]})


FORMATS: dict[str, Callable[[Turns], str]] = {
    "txt": as_text,
    "vtt": as_captions,
    "json": as_transcribe,
    "segments.json": as_segments,
    "turns.json": as_our_own,
}


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("name", ["calls_star", "calls_evi"])
def test_every_call_comes_back_with_its_turns(tmp_path: Path, name: str, ending: str) -> None:
    written = {call["id"]: turns_of(call) for call in calls(name)[:300]}
    for call_id, turns in written.items():
        (tmp_path / f"{call_id}.{ending}").write_text(FORMATS[ending](turns))
    read = {
        row.row["id"].removesuffix(".segments").removesuffix(".turns"): [
            (turn["role"], turn["text"]) for turn in row.row["turns"]
        ]
        for row in pull(Transcripts(str(tmp_path))).rows
        if isinstance(row.row, Mapping)
    }
    assert read == written


def test_the_times_of_real_turns_are_kept(tmp_path: Path) -> None:
    written = {call["id"]: call["turns"] for call in calls("calls_star")[:300]}
    for call_id, turns in written.items():
        (tmp_path / f"{call_id}.json").write_text(json.dumps({"turns": turns}))
    rows = [row.row for row in pull(Transcripts(str(tmp_path))).rows if isinstance(row.row, Mapping)]
    assert len(rows) == len(written)
    for row in rows:
        said = [datetime.fromisoformat(turn["at"]) for turn in written[row["id"]] if turn["text"].strip()]
        assert row["created_at"] == min(said)
        assert row["turn_seconds"] == [(moment - min(said)).total_seconds() for moment in said]


def test_transcripts_with_names_for_speakers_become_turns_and_without_stay_text(tmp_path: Path) -> None:
    written = calls("calls_contoso_synthetic")
    for call in written:
        (tmp_path / f"{call['id']}.txt").write_text(call["text"])
    rows = {row.row["id"]: row.row for row in pull(Transcripts(str(tmp_path))).rows if isinstance(row.row, Mapping)}
    with_turns = {call["source"]: 0 for call in written}
    for call in written:
        with_turns[call["source"]] += "turns" in rows[call["id"]]
    assert with_turns["contoso_telecom_speech"] == 0
    # All but one, most of whose lines are headings.
    assert with_turns["contoso_telecom_text"] == sum(call["source"] == "contoso_telecom_text" for call in written) - 1
    assert sum(type(record).__name__ == "Record" for record in records(pull(Transcripts(str(tmp_path))).rows)) == 140
