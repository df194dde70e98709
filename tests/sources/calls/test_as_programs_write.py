"""Plain text and captions as meeting programs and speech tools export them, and with the usual damage."""

from typing import Any

import pytest

from include.sources.calls.transcript_file import read_transcript
from include.sources.row import BadRow
from tests.linear_time import in_linear_time

HELLO, BROKE, LOOK = "Hello, this is support, how can I help?", "My lamp order is late.", "Let me look it up."
AGENT, CUSTOMER = "Marta Olsson", "Igor Petrenko"
CHAT = (
    f"14:15:05 From  {AGENT}  to  Everyone:\n\t{HELLO}\n"
    f"14:15:09 From  {CUSTOMER}  to  {AGENT}(Direct Message):\n\t{BROKE}\n"
)


def read(name: str, content: str) -> dict[str, Any]:
    row = read_transcript(name, content.encode())
    assert isinstance(row, dict), row
    return row


def spoken(name: str, content: str) -> list[tuple[str | None, str]]:
    """Who says what; a text without turns is said by nobody."""
    row = read(name, content)
    return [(turn["role"], turn["text"]) for turn in row.get("turns") or [{"role": None, "text": row.get("text", "")}]]


@pytest.mark.parametrize(
    ("content", "times"),
    [
        (f"[{AGENT}] 14:15:05\n{HELLO}\n\n[{CUSTOMER}] 14:15:09\n{BROKE}\n", [51_305.0, 51_309.0]),
        (CHAT, [51_305.0, 51_309.0]),
        (CHAT.replace(":\n\t", ": "), [51_305.0, 51_309.0]),
        (f"{AGENT}   0:03\n{HELLO}\n\n{CUSTOMER}   0:06\n{BROKE}\n", [3.0, 6.0]),
        (f"{AGENT} (00:03):\n{HELLO}\n\n{CUSTOMER} (00:06):\n{BROKE}\n", [3.0, 6.0]),
        (f"{AGENT} - 00:03\n{HELLO}\n\n{CUSTOMER} - 00:06\n{BROKE}\n", [3.0, 6.0]),
        (f"0:03 | {AGENT}\n{HELLO}\n\n0:06 | {CUSTOMER}\n{BROKE}\n", [3.0, 6.0]),
        (f"00:00:03\n\n{AGENT}: {HELLO}\n00:00:06\n\n{CUSTOMER}: {BROKE}\n", [3.0, 6.0]),
        (f"[{AGENT}]: {HELLO}\n[{CUSTOMER}]: {BROKE}\n", None),
        (f">> {AGENT}: {HELLO}\n>> {CUSTOMER}: {BROKE}\n", None),
    ],
    ids=["zoom", "zoom chat", "old chat", "teams, otter", "rev", "fireflies", "gong", "meet", "whisperx", "captions"],
)
def test_plain_text_has_its_speakers_and_times(content: str, times: list[float] | None) -> None:
    assert spoken("a.txt", content) == [(AGENT, HELLO), (CUSTOMER, BROKE)]
    assert read("a.txt", content).get("turn_seconds") == times


def test_what_stands_above_the_first_speaker_is_said_by_nobody() -> None:
    title = "Support call-20261120_141500\nNovember 20, 2026, 2:15PM\n12m 3s\n\n"
    content = f"{title}{AGENT}   0:03\n{HELLO}\nYes?\n\n{CUSTOMER}   0:06\n{BROKE}\n"
    first, *turns = spoken("a.txt", content)
    assert first == (None, "Support call-20261120_141500 November 20, 2026, 2:15PM 12m 3s")
    assert turns == [(AGENT, f"{HELLO} Yes?"), (CUSTOMER, BROKE)]


@pytest.mark.parametrize(
    "content",
    [
        "We met on Monday 10:30\nand on Tuesday 11:30\nand then no more.\n",
        "Open at 10:30\nLunch at 9:30\nPlease come.\n",
        "See you at 10:30\nBring the lamp.\n",
    ],
)
def test_lines_that_end_in_a_time_of_day_name_no_speakers(content: str) -> None:
    assert spoken("a.txt", content) == [(None, content)]


def test_a_time_that_is_said_costs_nobody_their_words() -> None:
    content = (
        f"{AGENT} 0:00\nWhen were you born?\n\n{CUSTOMER} 0:05\n12:25\n\n{AGENT} 0:10\n{HELLO}\n\n"
        f"{CUSTOMER} 0:15\n\n{AGENT} 0:20\nIt is 2 now, so 2:15\n"
    )
    assert spoken("a.txt", content) == [
        (AGENT, "When were you born?"),
        (CUSTOMER, "12:25"),
        (AGENT, f"{HELLO} It is 2 now, so 2:15"),
    ]


def test_who_took_part_in_a_meeting_of_google_stands_above_what_was_said() -> None:
    title = f"Support call (2026-11-20 14:15 GMT+1) - Transcript\nAttendees\n{AGENT}, {CUSTOMER}\nTranscript\n"
    content = f"{title}00:00:00\n\n{AGENT}: {HELLO}\n{CUSTOMER}: {BROKE}\n00:05:00\n\n{AGENT}: {LOOK}\nThe end.\n"
    (nobody, above), *turns = spoken("meet.txt", content)
    assert nobody is None and above.endswith("Transcript")
    assert turns == [(AGENT, HELLO), (CUSTOMER, BROKE), (AGENT, f"{LOOK} The end.")]


def test_whisper_cpps_text_counts_speakers() -> None:
    content = f"(speaker 0) {HELLO}\n(speaker 1) {BROKE}\n(speaker ?) {LOOK}\n"
    assert [role for role, _ in spoken("a.txt", content)] == ["speaker 0", "speaker 1", "speaker ?"]


def test_what_whisper_prints_is_read_as_captions() -> None:
    content = f"\n[00:00:00.000 --> 00:00:03.000]   {HELLO}\n[00:00:03.000 --> 00:00:06.500]   {BROKE}\n"
    assert spoken("a.txt", content) == [(None, HELLO), (None, BROKE)]
    assert (read("a.txt", content)["turn_seconds"], read("a.txt", content)["duration_seconds"]) == ([0.0, 3.0], 6)


def srt(*cues: str) -> str:
    times = [f"00:00:{number:02d},000 --> 00:00:{number + 1:02d},000" for number in range(1, 2 * len(cues), 2)]
    return "\n".join(
        f"{number}\n{time}\n{cue}\n" for number, (time, cue) in enumerate(zip(times, cues, strict=True), 1)
    )


ZOOM = (
    f"WEBVTT\r\n\r\n1\r\n00:00:05.790 --> 00:00:08.514\r\n{AGENT}: {HELLO}\r\n\r\n"
    f"2\r\n00:00:09.000 --> 00:00:12.100\r\n{CUSTOMER}: {BROKE}\r\n\r\n"
)
TEAMS = (
    f"WEBVTT\n\n3f2a1c00-1111-4222-8333-444455556666/12-0\n00:00:03.120 --> 00:00:06.000\n<v {AGENT}>{HELLO}</v>\n\n"
    f"3f2a1c00-1111-4222-8333-444455556666/12-1\n00:00:06.100 --> 00:00:09.000\n<v {CUSTOMER}>{BROKE}</v>\n"
)
UNORDERED = f"WEBVTT\n\n00:04.000 --> 00:06.000\n<v {CUSTOMER}>{BROKE}\n\n00:01.000 --> 00:03.000\n<v {AGENT}>{HELLO}\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("zoom.vtt", ZOOM),
        ("teams.vtt", TEAMS),
        ("whisperx.srt", srt(f"[{AGENT}]: {HELLO}", f"[{CUSTOMER}]: {BROKE}", f"[{AGENT}]: {LOOK}")),
        ("chevrons.srt", srt(f">> {AGENT}: {HELLO}", f">> {CUSTOMER}: {BROKE}", f">> {AGENT}: {LOOK}")),
        ("unordered.vtt", UNORDERED),
        ("marks.vtt", f"\ufeff\ufeff{TEAMS}"),
    ],
)
def test_captions_have_their_speakers_in_order(name: str, content: str) -> None:
    assert spoken(name, content)[:2] == [(AGENT, HELLO), (CUSTOMER, BROKE)]
    times = read(name, content)["turn_seconds"]
    assert times == sorted(times)


def test_cues_that_are_named_for_speakers_have_them() -> None:
    content = f"WEBVTT\n\nSpeaker 1\n00:02.000 --> 00:03.000\n{HELLO}\n\nSpeaker 2\n00:04.000 --> 00:05.000\n{BROKE}\n"
    assert spoken("a.vtt", content) == [("Speaker 1", HELLO), ("Speaker 2", BROKE)]
    again = content.replace("Speaker 1", "Marta").replace("Speaker 2", "Igor")
    assert spoken("a.vtt", again) == [(None, HELLO), (None, BROKE)]
    again += f"\nMarta\n00:06.000 --> 00:07.000\n{LOOK}\n"
    assert spoken("a.vtt", again) == [("Marta", HELLO), ("Igor", BROKE), ("Marta", LOOK)]


@pytest.mark.parametrize("name", ["a.srt", "a.vtt"])
def test_an_empty_line_in_a_cue_costs_no_words(name: str) -> None:
    content = ("WEBVTT\n\n" if name == "a.vtt" else "") + srt(
        "Hello there\n\nsecond half\n\nand a third", BROKE, "4711\n\n4712"
    )
    assert spoken(name, content) == [(None, "Hello there second half and a third"), (None, BROKE), (None, "4711 4712")]


def test_lines_of_a_cue_that_begin_with_dashes_are_of_two_people() -> None:
    content = srt(f"- {HELLO}\n- {BROKE}", "- Let me\nlook it up.", LOOK)
    assert [text for _, text in spoken("a.srt", content)] == [f"- {HELLO}", f"- {BROKE}", "- Let me look it up.", LOOK]
    assert read("a.srt", content)["turn_seconds"] == [1.0, 1.0, 3.0, 5.0]


def test_a_number_that_is_said_is_not_the_next_cues() -> None:
    assert spoken("a.srt", srt("What is the order number?", "4711", "Thanks"))[1] == (None, "4711")


def test_styles_between_cues_are_not_said() -> None:
    style = "STYLE\n::cue { color: lime }\n\n"
    cues = f"00:01.000 --> 00:02.000\n{HELLO}\n\n{style}00:03.000 --> 00:04.000\n{{\\an8}}{BROKE}\n"
    content = f"WEBVTT\n\n{cues}"
    assert spoken("a.vtt", content) == [(None, HELLO), (None, BROKE)]


def test_captions_and_lines_that_are_made_to_be_slow_are_read_in_linear_time() -> None:
    with in_linear_time():
        read_transcript("a.txt", ("Marta " * 20_000 + "0:0\n" + "[a" * 20_000 + "\n").encode() * 4)
        read_transcript("a.txt", b"Marta 0:03\nHi\n" * 5_000)
        read_transcript("a.vtt", b"WEBVTT\n\n00:01.000 --> 00:02.000\na\n\n" + b"b\n\n" * 20_000)


@pytest.mark.parametrize(
    "document",
    [
        '{"text": "Hello. Hi.", "diarization": [{"speaker": "A", "start": 0, "end": 1}]}',
        '{"segments": [{"text": "Hello.", "start": 0}], "words": [{"word": "Hello.", "speaker_label": "spk_0"}]}',
        '{"text": "Hello. Hi.", "result": {"parts": [{"speakerId": 0, "line": "Hello."}]}}',
    ],
)
def test_speakers_in_a_place_of_their_own_make_a_file_unknown(document: str) -> None:
    row = read_transcript("a.json", document.encode())
    assert isinstance(row, BadRow) and row.error_type == "not_transcript"


@pytest.mark.parametrize("depth", [300, 600, 900])
def test_json_that_is_nested_deeply_costs_itself_only(depth: int) -> None:
    deep = '{"a":' * depth + "1" + "}" * depth
    assert read("a.json", f'{{"turns": [{{"role": "agent", "text": "Hello there."}}], "x": {deep}}}')["turns"]
    listed = deep.replace('"', '\\"')
    item = f'{{"AbsoluteTime": "2026-11-20", "ContentType": "a/json", "Content": "{listed}", "ParticipantRole": "A"}}'
    assert read_transcript("a.json", f'{{"Transcript": [{item}]}}'.encode())
