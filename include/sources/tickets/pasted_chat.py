"""A chat that a help desk has pasted into one comment, as Zendesk does: `(10:01:22) Ida Holm: Hi`."""

import re

from include.sources.transcript import Turn

_LINE = re.compile(
    r"\(\d{1,2}:\d{2}(?::\d{2})?(?: ?[AaPp][Mm])?\)[ \t]{1,4}"
    r"(?:(?P<role>[^:*\n]{1,80}):(?=[ \t]|$)|(?=\*\*\*))(?P<text>.*)"
)
# Who joins and who leaves: `(10:02:30) *** Marta left the chat ***`.
SYSTEM = "system"


def pasted_chat(text: str) -> list[Turn]:
    """The turns of the chat; what stands above it has no speaker. Nothing if it is not one of two lines or more."""
    turns: list[tuple[str | None, list[str]]] = []
    for line in text.split("\n"):
        found = _LINE.fullmatch(line.strip())
        if found:
            turns.append(((found["role"] or SYSTEM).strip(), [found["text"].strip()]))
        elif turns:
            turns[-1][1].append(line)
        elif line.strip():
            turns.append((None, [line]))
    is_chat = sum(role not in (None, SYSTEM) for role, _ in turns) >= 2
    return [Turn(role, "\n".join(lines).strip()) for role, lines in turns] if is_chat else []
