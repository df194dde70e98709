"""What all benchmarks ask: a form of four fields about short reviews. Needs Pydantic only, so peers can load it."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from include.llm.structured_output import StrictAnswer

FOLDER = Path(__file__).parent / "pipeline"
MODEL = "bench-model"
_SAID = (
    "the app crashes when I open my cart and then nothing works until I restart my phone please fix login payment "
    "search dark mode widget sync backup great idea love it otherwise support never answers update slow refund"
)


class Form(StrictAnswer):
    """The answer."""

    sentiment: Literal["positive", "neutral", "negative", "mixed"]
    topic: Literal["crash", "login", "payment", "performance", "other"]
    severity: int = Field(ge=1, le=5)
    summary: str = Field(max_length=120)


def texts(count: int, characters: int = 600) -> Iterator[str]:
    """Different texts, the same at every call."""
    said = _SAID.split()
    for number in range(count):
        chance = random.Random(number)
        words = chance.choices(said, k=characters // 6)
        yield f"Review {number}: {' '.join(words)}."[:characters]


def system_message() -> str:
    """The instructions, the same for all clients."""
    return (FOLDER / "prompts" / "v1.md").read_text(encoding="utf-8").strip()
