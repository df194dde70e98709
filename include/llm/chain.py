"""What is asked about a text: one question, or for long texts notes of each chunk first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from include.llm.providers.dialect import Dialect
from include.llm.request import Question


@dataclass(frozen=True, slots=True)
class Text:
    """One text to be answered, under its answer key, and what the prompt shows above it."""

    key: str
    text: str
    above: str = ""

    @property
    def characters(self) -> int:
        """Of both."""
        return len(self.above) + len(self.text)


@dataclass(frozen=True)
class Chain:
    """How a pipeline answers a text: in one step, or for long texts in two (notes per chunk, then the answer).

    Args:
        question: gives the answer.
        notes: gives the notes of one chunk; None: texts are never cut.
        chunk_characters: longer texts are cut.
    """

    question: Question
    notes: Question | None = None
    chunk_characters: int = 0

    def in_dialect(self, dialect: Dialect) -> "Chain":
        """The same chain, asked as its model wants to be."""
        notes = self.notes and replace(self.notes, dialect=dialect)
        return replace(self, question=replace(self.question, dialect=dialect), notes=notes)

    def key(self, text: str, above: str = "") -> str:
        """Answer key of a whole text; for a cut one it covers the notes' question too."""
        if self.notes is None or not self._is_long(text):
            return self.question.key(text, above)
        return self.question.key(f"{self.notes.identity} {self.chunk_characters}\n{text}", above)

    def chunks(self, text: str) -> list[str]:
        """The parts of which notes are taken before the answer; none of a text that is read in one step."""
        return split_chunks(text, self.chunk_characters) if self.notes and self._is_long(text) else []

    def step_keys(self, text: str) -> list[str]:
        """Keys of the notes that a text needs before its answer."""
        return [self.notes.key(chunk) for chunk in self.chunks(text)] if self.notes else []

    def about(self, text: str, attributes: Mapping[str, Any]) -> Text:
        """What is asked about one record.

        Args:
            text, attributes: of the record, redacted; the attributes by name without `attr_`.
        """
        above = self.question.prompt.above(text, attributes)
        return Text(self.key(text, above), text, above)

    def estimate_prompt_tokens(self, text: Text) -> int:
        """About how many prompt tokens all steps take together, the schemas included, for they are paid for."""
        chunks = self.chunks(text.text)
        prepared = self.question.prepare("" if chunks else text.text, text.above)
        tokens = prepared.prompt_tokens + self.question.schema_tokens
        if self.notes is not None:
            tokens += len(chunks) * (self.notes.max_output_tokens + self.notes.schema_tokens)
            tokens += sum(self.notes.prepare(chunk).prompt_tokens for chunk in chunks)
        return tokens

    def constant_tokens(self, text: str) -> int:
        """How many of these are the same for all texts: instructions, examples and schemas."""
        tokens = self.question.constant_tokens + self.question.schema_tokens
        if self.notes is not None:
            tokens += len(self.chunks(text)) * (self.notes.constant_tokens + self.notes.schema_tokens)
        return tokens

    def _is_long(self, text: str) -> bool:
        return len(text) > self.chunk_characters


def split_chunks(text: str, chunk_characters: int) -> list[str]:
    """Cut a text into chunks, at line ends where there are any, else at spaces, else anywhere."""
    chunks = []
    while len(text) > chunk_characters:
        window = text[:chunk_characters]
        cut = max(window.rfind("\n"), 0) or max(window.rfind(" "), 0) or chunk_characters
        chunks.append(text[:cut].strip())
        text = text[cut:].strip()
    return [chunk for chunk in [*chunks, text] if chunk]


def text_of_notes(notes: Sequence[dict[str, Any]]) -> str:
    """The notes of all chunks as the text that the answer is asked about."""
    return "\n".join(f"Part {number}:\n{_as_lines(part)}" for number, part in enumerate(notes, 1))


def _as_lines(notes: dict[str, Any]) -> str:
    lines: list[str] = []
    for name, value in notes.items():
        if isinstance(value, list):
            lines.extend(f"- {element}" for element in value)
        else:
            lines.append(f"{name}: {value}")
    return "\n".join(lines)
