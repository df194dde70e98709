"""Prompt files, and the chat messages made of them.

A prompt file is Markdown. What stands before the first `## Example` is the system message; each example has a
`### Input` (a text as it is in the source) and an `### Output` (the JSON that a careful person would answer):

    You read one app-store review ...

    ## Example
    ### Input
    Crashes since Tuesday. Lovely design though!
    ### Output
    {"sentiment": "mixed", ...}

A prompt version that shows attributes of a record too says so before its first example, one line for each, with its
name in braces. The lines stand above the text, as they are in the examples; without a value there is no line:

    ## Above the text
    title: {title}
    rating: {rating} of 5

    ## Example
    ### Above the text
    title: Broken
    rating: 2 of 5
    ### Input
    ...

System message and examples are the same for every record of a run and come first, so that a provider's prompt
cache serves them; only the last message differs.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel

from include.answer.structured_output import number_sentences, quote_paths, split_sentences
from include.errors import ConfigurationError

_EXAMPLE = re.compile(r"^## Example.*$", re.MULTILINE)
_ABOVE = re.compile(r"^## Above the text *$", re.MULTILINE)
_PARTS = re.compile(
    r"\A\s*(?:### Above the text\n(?P<above>.*?)\n)?### Input\n(?P<text>.*?)\n### Output\n(?P<answer>.*)\Z", re.DOTALL
)
_ATTRIBUTE = re.compile(r"([^{}]*)\{([a-z0-9_]+)\}([^{}]*)")


class Example(NamedTuple):
    """A text, the JSON answer to it, and the lines above the text."""

    text: str
    answer: str
    above: str = ""


@dataclass(frozen=True)
class Prompt:
    """One version of a prompt.

    Args:
        version: `v1`, `v2`, ...
        system: the instructions.
        examples: texts and the JSON answers to them.
        numbered: whether texts go out with their sentences numbered, because the answer quotes them.
        attribute_lines: what stands above a text, each line with the name of one attribute in braces.
    """

    version: str
    system: str
    examples: tuple[Example, ...]
    numbered: bool
    attribute_lines: tuple[str, ...] = ()

    @property
    def hash(self) -> str:
        """First 16 hex digits of the SHA-256 of everything constant in the messages."""
        constant: list[Any] = [*self.constant_messages(), *self.attribute_lines]
        return hashlib.sha256(json.dumps(constant).encode()).hexdigest()[:16]

    @property
    def attributes(self) -> tuple[str, ...]:
        """Names of the attributes that stand above a text."""
        return tuple(name for _, name, _ in map(_parts_of, self.attribute_lines))

    def constant_messages(self) -> list[dict[str, str]]:
        """System message and examples, the same for every record."""
        messages = [{"role": "system", "content": self.system}]
        for text, answer, above in self.examples:
            sentences = split_sentences(text) if self.numbered else []
            messages.append({"role": "user", "content": self.fence(text, sentences, above)})
            messages.append({"role": "assistant", "content": answer})
        return messages

    def above(self, text: str, attributes: Mapping[str, Any]) -> str:
        """What stands above a text: a line for each attribute that has a value and that the text does not open with.

        Each value is in one line, so that none can look like another attribute or like a sentence of the text.

        Args:
            text: redacted.
            attributes: of the record, redacted, by name without `attr_`.
        """
        lines = []
        for before, name, after in map(_parts_of, self.attribute_lines):
            value = attributes.get(name)
            shown = "" if value is None else " ".join(str(value).split())
            if shown and not (isinstance(value, str) and _opens_with(text, shown)):
                lines.append(f"{before}{shown}{after}")
        return "\n".join(lines)

    def fence(self, text: str, sentences: Sequence[str], above: str = "") -> str:
        """The user message of one text: the data between marks that the data itself cannot hold.

        The marks carry a hash of the data, so that nobody can write a text that closes its own fence; the same
        data always gives the same message, and so the same answer key.

        Args:
            text: redacted.
            sentences: of the text, where they are numbered.
            above: the text, as `above` gives it.
        """
        mark = hashlib.sha256(with_above(text, above).encode()).hexdigest()[:8]
        head = f"{above}\n\n" if above else ""
        body = number_sentences(sentences) if self.numbered else text
        return f"<record {mark}>\n{head}{body}\n</record {mark}>"


def with_above(text: str, above: str) -> str:
    """All of one record that shapes its answer. No text holds the character between the two: see `clean_text`."""
    return f"{above}\0{text}" if above else text


def prompt_path(folder: Path, version: str, step: str | None = None) -> Path:
    """`prompts/v1.md`, or for a named step `prompts/v1.notes.md`."""
    return folder / "prompts" / (f"{version}.{step}.md" if step else f"{version}.md")


def load_prompt(folder: Path, version: str, answer: type[BaseModel], step: str | None = None) -> Prompt:
    """Read one prompt file and check its examples against the answer's schema.

    Args:
        folder: the pipeline's folder.
        version: `v1`, `v2`, ...
        answer: model that the examples' outputs must satisfy.
        step: None for the answer itself, else the name of the step before it.

    Raises:
        ConfigurationError: there is no such file, or an example in it is malformed; says which and why.
    """
    path = prompt_path(folder, version, step)
    if not re.fullmatch(r"v\d+", version) or not path.is_file():
        known = ", ".join(sorted(p.stem for p in (folder / "prompts").glob("v*.md"))) or "none"
        raise ConfigurationError(f"Prompt version {version!r} does not exist: there is no {path}. There are: {known}.")
    head, *blocks = _EXAMPLE.split(path.read_text(encoding="utf-8"))
    system, *section = _ABOVE.split(head, maxsplit=1)
    lines = tuple(_lines("".join(section)))
    for line in lines:
        if _ATTRIBUTE.fullmatch(line) is None:
            raise ConfigurationError(
                f"{path}: the line {line!r} below `## Above the text` needs the name of one attribute in braces, as in "
                "`title: {title}`."
            )
    examples = tuple(_example(path, number, block, answer, lines) for number, block in enumerate(blocks, 1))
    return Prompt(version, system.strip(), examples, numbered=bool(quote_paths(answer)), attribute_lines=lines)


def _lines(block: str) -> list[str]:
    return [line.strip() for line in block.splitlines() if line.strip()]


def _parts_of(line: str) -> tuple[str, str, str]:
    parts = _ATTRIBUTE.fullmatch(line)
    assert parts is not None
    before, name, after = parts.groups()
    return before, name, after


def _opens_with(text: str, value: str) -> bool:
    """Whether a source has put a value before its text already, or in the place of one: who speaks may come first."""
    opening = text[: len(value) + 200]
    whole, line = (" ".join(part.split()) for part in (opening, opening.partition("\n")[0]))
    starts = (whole, line, whole.partition(": ")[2], line.partition(": ")[2])
    return any(start == value or start.startswith(f"{value}:") for start in starts)


def _example(path: Path, number: int, block: str, answer: type[BaseModel], lines: Sequence[str]) -> Example:
    parts = _PARTS.match(block)
    if parts is None:
        raise ConfigurationError(f"{path}: example {number} needs a line `### Input` and then a line `### Output`.")
    above = _lines(parts["above"] or "")
    for line in above:
        if not any(line.startswith(before) and line.endswith(after) for before, _, after in map(_parts_of, lines)):
            raise ConfigurationError(
                f"{path}: the line {line!r} above the text of example {number} is like none below `## Above the text`."
            )
    try:
        validated: dict[str, Any] = answer.model_validate_json(parts["answer"], strict=True).model_dump(mode="json")
    except ValueError as error:
        raise ConfigurationError(f"{path}: the output of example {number} does not fit the schema: {error}") from None
    # Re-encoded without spaces: small models copy the layout of the examples, and spaces cost tokens.
    shown = json.dumps(validated, ensure_ascii=False, separators=(",", ":"))
    return Example(parts["text"].strip(), shown, "\n".join(above))
