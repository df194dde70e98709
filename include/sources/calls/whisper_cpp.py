"""What `whisper-cli --output-json` of whisper.cpp writes, with or without `--diarize`.

https://github.com/ggml-org/whisper.cpp/blob/master/examples/cli/cli.cpp, `output_json`
"""

from typing import Any

from include.sources.calls.layout import Layout, listed, turns_of, value_at
from include.sources.transcript import Transcript, of_call

NAME = "whisper.cpp (transcription)"
MARKS = ("transcription", "result.language")
_LAYOUT = Layout(text="text", speaker="speaker", at="offsets.from", end="offsets.to", per_second=1_000)
# Where both channels are as loud.
NOBODY = "?"


def transcript(document: Any) -> Transcript:
    """Its segments; `--tinydiarize` marks where speakers change, and not who they are, so those stay one a line."""
    given = listed(document["transcription"])
    items = [item if item.get("speaker") != NOBODY else {**item, "speaker": None} for item in given]
    return Transcript(turns_of(items, _LAYOUT), columns=of_call(value_at(document, "result.language"), None))
