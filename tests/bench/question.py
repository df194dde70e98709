"""What every client asks: short reviews, and a form of four fields about each. Imported by other people's clients too,
in virtual environments that have little of ours."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from include.answer.structured_output import StrictAnswer, json_schema

FOLDER = Path(__file__).parent / "pipeline"
MODEL = "bench-model"
MAX_OUTPUT_TOKENS = 600
_WORDS = """
    the app crashes when I open my cart and then nothing works until I restart my phone which is annoying because I use
    it every day to order groceries for my family please fix login payment search dark mode widget sync backup great
    idea love it otherwise support never answers update slow battery drain notification late delivery refund
""".split()  # noqa: SIM905


class Form(StrictAnswer):
    """The answer."""

    sentiment: Literal["positive", "neutral", "negative", "mixed"]
    topic: Literal["crash", "login", "payment", "performance", "other"]
    severity: int = Field(ge=1, le=5)
    summary: str = Field(max_length=120)


def texts(count: int, characters: int = 600, first: int = 0) -> Iterator[str]:
    """Different texts, the same at every call."""
    for number in range(first, first + count):
        chance = random.Random(number)
        words = chance.choices(_WORDS, k=characters // 6)
        yield f"Review {number}: {' '.join(words)}."[:characters]


def messages(text: str) -> list[dict[str, str]]:
    """The question about one text."""
    return [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": text}]


def response_format() -> dict[str, Any]:
    """The form as a strict JSON schema."""
    schema = json_schema(Form, length_keywords=True)
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}


_SYSTEM = (FOLDER / "prompts" / "v1.md").read_text(encoding="utf-8").strip()
