"""Prompt files, and the chat messages made of them.

A prompt file is Markdown. What stands before the first `## Example` is the system message; each example has a
`### Input` (a text as it is in the source) and an `### Output` (the JSON that a careful person would answer):

    You read one app-store review ...

    ## Example
    ### Input
    Crashes since Tuesday. Lovely design though!
    ### Output
    {"sentiment": "mixed", ...}

System message and examples are the same for every record of a run and come first, so that a provider's prompt
cache serves them; only the last message differs.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from include.errors import ConfigurationError
from include.llm.structured_output import number_sentences, quote_paths, split_sentences

_EXAMPLE = re.compile(r"^## Example.*$", re.MULTILINE)
_PARTS = re.compile(r"\A\s*### Input\n(?P<text>.*?)\n### Output\n(?P<answer>.*)\Z", re.DOTALL)


@dataclass(frozen=True)
class Prompt:
    """One version of a prompt.

    Args:
        version: `v1`, `v2`, ...
        system: the instructions.
        examples: pairs of a text and the JSON answer to it.
        numbered: whether texts go out with their sentences numbered, because the answer quotes them.
    """

    version: str
    system: str
    examples: tuple[tuple[str, str], ...]
    numbered: bool

    @property
    def hash(self) -> str:
        """First 16 hex digits of the SHA-256 of everything constant in the messages."""
        return hashlib.sha256(json.dumps(self.constant_messages()).encode()).hexdigest()[:16]

    def constant_messages(self) -> list[dict[str, str]]:
        """System message and examples, the same for every record."""
        messages = [{"role": "system", "content": self.system}]
        for text, answer in self.examples:
            sentences = split_sentences(text) if self.numbered else []
            messages.append({"role": "user", "content": self.fence(text, sentences)})
            messages.append({"role": "assistant", "content": answer})
        return messages

    def fence(self, text: str, sentences: Sequence[str]) -> str:
        """The user message of one text: the data between marks that the text itself cannot hold.

        The marks carry a hash of the text, so that nobody can write a text that closes its own fence; the same
        text always gives the same message, and so the same answer key.

        Args:
            text: redacted.
            sentences: of the text, where they are numbered.
        """
        mark = hashlib.sha256(text.encode()).hexdigest()[:8]
        body = number_sentences(sentences) if self.numbered else text
        return f"<record {mark}>\n{body}\n</record {mark}>"


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
    system, *blocks = _EXAMPLE.split(path.read_text(encoding="utf-8"))
    examples = tuple(_example(path, number, block, answer) for number, block in enumerate(blocks, 1))
    return Prompt(version=version, system=system.strip(), examples=examples, numbered=bool(quote_paths(answer)))


def _example(path: Path, number: int, block: str, answer: type[BaseModel]) -> tuple[str, str]:
    parts = _PARTS.match(block)
    if parts is None:
        raise ConfigurationError(f"{path}: example {number} needs a line `### Input` and then a line `### Output`.")
    try:
        validated: dict[str, Any] = answer.model_validate_json(parts["answer"], strict=True).model_dump(mode="json")
    except ValueError as error:
        raise ConfigurationError(f"{path}: the output of example {number} does not fit the schema: {error}") from None
    # Re-encoded without spaces: small models copy the layout of the examples, and spaces cost tokens.
    return parts["text"].strip(), json.dumps(validated, ensure_ascii=False, separators=(",", ":"))
