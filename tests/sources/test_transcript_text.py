"""Plain text, WebVTT and SubRip: who says what, and when."""

import pytest

from include.sources.transcript import Transcript, Turn
from include.sources.transcript_cues import transcript_of_cues
from include.sources.transcript_text import transcript_of_text


def turns(transcript: Transcript | None) -> list[tuple[str | None, str, float | None]]:
    assert transcript is not None
    return [(turn.role, turn.text, turn.start) for turn in transcript.turns]


def vtt(*cues: str) -> Transcript:
    """A file of these cues, which begin at second 0, 1, 2 ..."""
    blocks = [f"00:{number:02d}.000 --> 00:{number + 1:02d}.000\n{cue}" for number, cue in enumerate(cues)]
    transcript = transcript_of_cues("\n\n".join(["WEBVTT", *blocks, ""]))
    assert transcript is not None
    return transcript


def test_lines_that_name_their_speakers_are_turns() -> None:
    text = "Agent: Hello.\n\nCustomer (Adam): Hi.\nIt broke: all of it.\n\nContoso Inc. Representative: I see.\n"
    assert turns(transcript_of_text(text)) == [
        ("Agent", "Hello.", None),
        ("Customer (Adam)", "Hi.", None),
        ("It broke", "all of it.", None),
        ("Contoso Inc. Representative", "I see.", None),
    ]


def test_a_line_without_a_name_goes_on_where_the_last_one_ended() -> None:
    text = "Agent: Hello.\nHow can I help?\nCustomer: Hi.\nAgent:\nYes?"
    assert turns(transcript_of_text(text)) == [
        ("Agent", "Hello. How can I help?", None),
        ("Customer", "Hi.", None),
        ("Agent", "Yes?", None),
    ]


def test_lines_of_one_speaker_in_a_row_are_one_turn() -> None:
    assert turns(transcript_of_text("Agent: Hello.\nAgent: Who is it?\nCaller: Me.")) == [
        ("Agent", "Hello. Who is it?", None),
        ("Caller", "Me.", None),
    ]


@pytest.mark.parametrize(
    ("line", "seconds"),
    [
        ("[00:01:02] Anna: Hello", 62.0),
        ("00:01:02.500 - Anna: Hello", 62.5),
        ("(1:02) Anna: Hello", 62.0),
        ("00:01:02\n\nAnna: Hello", 62.0),
        ("[1:02]\nAnna: Hello", 62.0),
        ("**Anna:** Hello", None),
        ("**Anna**: Hello", None),
        ("__Anna:__ Hello", None),
        ("Anna: Hello", None),
    ],
)
def test_a_line_may_begin_with_its_time_and_marks_of_bold_letters(line: str, seconds: float | None) -> None:
    assert turns(transcript_of_text(f"{line}\nBert: Hi"))[0] == ("Anna", "Hello", seconds)


def test_names_in_any_script_and_the_wide_colon_name_speakers() -> None:
    assert turns(transcript_of_text("客服：你好\nКлиент: Привет")) == [
        ("客服", "你好", None),
        ("Клиент", "Привет", None),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "It broke at 10:30 today.\nThen again at 11:30.",
        "Dear all,\nplease note: the line is down.\nThanks",
        "See https://example.com\nand http://example.org",
        "Hello: a single line",
        "",
    ],
)
def test_text_that_names_no_speakers_stays_as_it_is(text: str) -> None:
    assert transcript_of_text(text) == Transcript(text=text)


def test_voice_tags_name_speakers_and_cues_of_one_speaker_are_one_turn() -> None:
    transcript = vtt(
        "<v Agent Smith>Hello.", "<v.loud Customer>My parcel is <i>late</i>.</v>", "<v Customer>By &gt; a week."
    )
    assert transcript.turns == (
        Turn("Agent Smith", "Hello.", 0.0, 1.0),
        Turn("Customer", "My parcel is late. By > a week.", 1.0, 3.0),
    )


def test_a_cue_may_hold_several_voices_and_words_of_nobody() -> None:
    assert turns(vtt("(beep) <v Anna>Hello.</v> <v Bert>Hi\nAnna.</v> (music)")) == [
        (None, "(beep)", 0.0),
        ("Anna", "Hello.", 0.0),
        ("Bert", "Hi Anna.", 0.0),
        (None, "(music)", 0.0),
    ]


def test_captions_without_voice_tags_name_speakers_as_lines_do() -> None:
    assert turns(vtt("Agent: Hello.", "How can I help?", "Customer: Hi.")) == [
        ("Agent", "Hello. How can I help?", 0.0),
        ("Customer", "Hi.", 2.0),
    ]


def test_captions_that_name_no_speaker_stay_one_a_line() -> None:
    assert turns(vtt("Hello.", "He said: wait.", "Hm.")) == [
        (None, "Hello.", 0.0),
        (None, "He said: wait.", 1.0),
        (None, "Hm.", 2.0),
    ]


def test_header_notes_styles_and_names_of_cues_are_left_out() -> None:
    text = (
        "WEBVTT - Call 17\nKind: captions\nLanguage: de-CH\n\nNOTE recorded line\nby Bert\n\n"
        "NOTE\n00:01.000 --> 00:02.000\nTaken out\n\nSTYLE\n::cue { color: lime }\n\nREGION\nid:fred\n\n"
        "first\n01:00:04.000 --> 01:00:06.000 align:start\nHello.\n"
    )
    transcript = transcript_of_cues(text)
    assert turns(transcript) == [(None, "Hello.", 3604.0)]
    assert transcript is not None and transcript.row()["language"] == "de-CH"


def test_a_cue_without_words_is_no_turn() -> None:
    assert turns(vtt("Hello.", "<i></i>", "")) == [(None, "Hello.", 0.0)]


def test_subrip_is_read_like_webvtt() -> None:
    text = "1\n00:00:01,000 --> 00:00:02,000\nAgent: Hello.\n\n2\n00:00:03,500 --> 00:00:04,000\nCustomer: It broke.\n"
    assert turns(transcript_of_cues(text)) == [("Agent", "Hello.", 1.0), ("Customer", "It broke.", 3.5)]


@pytest.mark.parametrize("text", ["", "WEBVTT\n", "WEBVTT\n\nNOTE nothing", "Hello.\nHi.", "--> 00:01.000\nHello"])
def test_what_has_no_cue_is_no_caption(text: str) -> None:
    assert transcript_of_cues(text) is None


def test_the_row_has_turns_their_times_speakers_and_length() -> None:
    row = vtt("<v A>Hello.", "<v B>Hi.", "<v A>Bye.").row()
    assert row["turns"] == [
        {"role": "A", "text": "Hello."},
        {"role": "B", "text": "Hi."},
        {"role": "A", "text": "Bye."},
    ]
    assert (row["turn_seconds"], row["speakers"], row["duration_seconds"]) == ([0.0, 1.0, 2.0], 2, 3)
