"""Plain text, WebVTT and SubRip: who says what, and when."""

import pytest

from include.sources.calls.transcript_cues import transcript_of_cues
from include.sources.transcript import Transcript, Turn
from include.sources.transcript_text import transcript_of_text
from tests.linear_time import in_linear_time


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
    ("text", "names"),
    [
        ("एजेंट: नमस्ते\nग्राहक: फोन खराब है", ["एजेंट", "ग्राहक"]),
        ("พนักงาน: สวัสดี\nลูกค้า: เสีย", ["พนักงาน", "ลูกค้า"]),
        ("\u200fסוכן: שלום\n\u200fלקוח\u200f: זה נשבר", ["סוכן", "לקוח"]),
        ("Mu\u0308ller: Hallo\nKunde : Guten Tag", ["Mu\u0308ller", "Kunde"]),
    ],
)
def test_vowel_signs_accents_and_marks_of_direction_are_no_end_of_a_name(text: str, names: list[str]) -> None:
    assert [role for role, _, _ in turns(transcript_of_text(text))] == names


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


def test_a_line_of_times_begins_a_cue_also_without_an_empty_line_before_it() -> None:
    text = "1\n00:00:01,000 --> 00:00:02,000\nHello.\n2\n00:00:03,000 --> 00:00:04,000\nIt broke.\n"
    assert turns(transcript_of_cues(text)) == [(None, "Hello.", 1.0), (None, "It broke.", 3.0)]


def test_a_line_of_spaces_ends_no_cue() -> None:
    text = (
        "WEBVTT\n\n00:01.000 --> 00:02.000\nHello.\n \nIt broke.\n \nNOTE by Bert\n \n"
        "second\n00:03.000 --> 00:04.000\nAll of it.\n \nthird\n00:05.000 --> 00:06.000\nHelp.\n"
    )
    assert turns(transcript_of_cues(text)) == [
        (None, "Hello. It broke.", 1.0),
        (None, "All of it.", 3.0),
        (None, "Help.", 5.0),
    ]


@pytest.mark.parametrize("times", ["00:01.000-->00:02.000", "00:00:01,5 --> 00:00:02", "0:01 -->  0:02 align:start"])
def test_times_are_read_as_loosely_as_players_read_them(times: str) -> None:
    assert transcript_of_cues(f"WEBVTT\n\n{times}\nHello.") is not None


def test_two_people_may_share_a_cue() -> None:
    assert turns(vtt("Agent: Hello.\nCustomer: Hi.", "Agent: Who\nis it?")) == [
        ("Agent", "Hello.", 0.0),
        ("Customer", "Hi.", 0.0),
        ("Agent", "Who is it?", 1.0),
    ]


def test_what_is_no_tag_was_said() -> None:
    cue = "<i>It</i> is <00:00:00.500><c.loud>less</c>: 2 < 3 > 1, said <NAME> of R&amp;D<br/>"
    assert turns(vtt(cue)) == [(None, "It is less: 2 < 3 > 1, said <NAME> of R&D", 0.0)]


def test_scrolling_captions_are_read_once() -> None:
    cues = (
        ("00:00.000 --> 00:02.000 align:start", " \nmy<00:00:00.500><c> parcel</c>"),
        ("00:02.000 --> 00:02.010 align:start", "my parcel\n "),
        ("00:02.010 --> 00:04.000 align:start", "my parcel\nis<00:00:02.500><c> late</c>"),
        ("00:04.000 --> 00:04.010 align:start", "is late\n "),
        ("00:04.010 --> 00:06.000 align:start", "is late\nagain"),
    )
    text = "WEBVTT\n\n" + "\n\n".join(f"{times}\n{words}" for times, words in cues)
    assert turns(transcript_of_cues(text)) == [
        (None, "my parcel", 0.0),
        (None, "is late", 2.01),
        (None, "again", 4.01),
    ]


def test_a_cue_of_a_hundred_thousand_lines_is_read_in_linear_time() -> None:
    lines = "a\n" * 100_000
    text = f"WEBVTT\n\n00:01.000 --> 00:01.010\n{lines}b\n\n00:01.010 --> 00:01.020\n{lines}"
    with in_linear_time():
        transcript_of_cues(text)


def test_what_somebody_says_twice_is_said_twice() -> None:
    assert turns(vtt("Yes.", "Yes.", "Yes.")) == [(None, "Yes.", 0.0), (None, "Yes.", 1.0), (None, "Yes.", 2.0)]


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
