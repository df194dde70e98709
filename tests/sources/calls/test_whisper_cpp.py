"""What whisper.cpp's `output_json` writes."""

from typing import Any

from tests.sources.calls.reading import read, turns


def segment(text: str, begin: int, end: int, **told: Any) -> dict[str, Any]:
    times = {"timestamps": {"from": "00:00:00,000", "to": "00:00:01,000"}, "offsets": {"from": begin, "to": end}}
    return {**times, "text": text, **told}


def written(*segments: dict[str, Any]) -> dict[str, Any]:
    return {
        "systeminfo": "AVX = 1",
        "model": {"type": "base", "multilingual": True},
        "params": {"model": "ggml-base.bin", "language": "auto", "translate": False},
        "result": {"language": "en"},
        "transcription": list(segments),
    }


def test_segments_have_their_times() -> None:
    document = written(segment(" Hello.", 0, 1_500), segment(" It broke.", 1_500, 3_000))
    assert turns(document) == [(None, "Hello.", 0.0, 1.5), (None, "It broke.", 1.5, 3.0)]
    assert read(document).row()["language"] == "en"


def test_with_diarize_the_channel_that_is_louder_speaks() -> None:
    document = written(
        segment(" Hello.", 0, 1_500, speaker="0"),
        segment(" It broke.", 1_500, 3_000, speaker="1"),
        segment(" Hm.", 3_000, 4_000, speaker="?"),
    )
    assert [role for role, *_ in turns(document)] == ["speaker 0", "speaker 1", None]


def test_with_tinydiarize_segments_stay_one_a_line() -> None:
    """It marks where the speaker changes, and not who speaks."""
    document = written(
        segment(" Hello.", 0, 1_500, speaker_turn_next=True),
        segment(" It broke.", 1_500, 3_000, speaker_turn_next=False),
    )
    assert turns(document) == [(None, "Hello.", 0.0, 1.5), (None, "It broke.", 1.5, 3.0)]
