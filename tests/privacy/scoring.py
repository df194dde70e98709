"""Precision and recall of redaction on texts whose personal data is marked."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from include.sources.markup import plain_text

_MARK = re.compile(r"\[\[([A-Z_]+)\|(.*?)\]\]", re.DOTALL)
_PLACEHOLDER = re.compile(r"<([A-Z][A-Z_]*)_\d+>")

# (start, end, kind)
Span = tuple[int, int, str]


@dataclass(frozen=True)
class LabelledText:
    """One text with the places of its personal data.

    Args:
        style: `reviews`, `tickets` or `calls`.
        language: two letters.
        spans: by place.
    """

    style: str
    language: str
    text: str
    spans: tuple[Span, ...]


def read_labelled(path: Path) -> list[LabelledText]:
    """The texts of a file: `style language | text` a line, `\\n` for a line end, `[[KIND|value]]` for a mark.

    Markup is read as it is in a record; a mark in an attribute of a tag is gone with it.
    """
    texts = []
    for line in path.read_text().splitlines():
        if not line.startswith("#"):
            head, _, marked = line.partition(" | ")
            style, language = head.split()
            texts.append(LabelledText(style, language, *_unmarked(plain_text(marked.replace("\\n", "\n")))))
    return texts


def _unmarked(marked: str) -> tuple[str, tuple[Span, ...]]:
    text, spans, position = "", [], 0
    for mark in _MARK.finditer(marked):
        text += marked[position : mark.start()]
        spans.append((len(text), len(text) + len(mark[2]), mark[1]))
        text += mark[2]
        position = mark.end()
    return text + marked[position:], tuple(spans)


def spans_of(text: str, redacted: str) -> list[Span]:
    """Which characters of a text became which placeholders."""
    kinds = _PLACEHOLDER.findall(redacted)
    kept = re.split(_PLACEHOLDER.pattern.replace("(", "(?:", 1), redacted)
    found = re.fullmatch("(.+?)".join(map(re.escape, kept)), text, re.DOTALL)
    assert found is not None, (text, redacted)
    return [(*found.span(number + 1), kind) for number, kind in enumerate(kinds)]


@dataclass
class Score:
    """Counts of one kind.

    A mark is found if every letter and digit of it is behind placeholders of its kind. A placeholder is right if more
    than half of what it replaces is marked with its kind.
    """

    found: int = 0
    missed: int = 0
    right: int = 0
    wrong: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def recall(self) -> float:
        """Part of the marks that were found; 1 if there are none."""
        return self.found / ((self.found + self.missed) or 1)

    @property
    def precision(self) -> float:
        """Part of the placeholders that are right; 1 if there are none."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 1.0


def score(texts: Iterable[LabelledText], find: Callable[[str], Iterable[Span]]) -> dict[str, Score]:
    """Scores by kind, and of `ALL` together.

    There a kind that is taken for another counts twice against the redactor: as missed, and as wrong. `ANY` counts a
    mark as found whatever it was taken for: what would leak is what it lacks.
    """
    scores: dict[str, Score] = {}
    for labelled in texts:
        found = list(find(labelled.text))
        for start, end, kind in labelled.spans:
            said = labelled.text[start:end]
            for name, spans in ((kind, [span for span in found if span[2] == kind]), ("ANY", found)):
                _count(scores, name, "found" if _covers(labelled.text, (start, end), spans) else "missed", said)
        for start, end, kind in found:
            said = labelled.text[start:end]
            for name, spans in ((kind, [s for s in labelled.spans if s[2] == kind]), ("ANY", list(labelled.spans))):
                inside = sum(max(min(end, s[1]) - max(start, s[0]), 0) for s in spans)
                _count(scores, name, "right" if 2 * inside > end - start else "wrong", said)
    total = Score()
    for name in sorted(set(scores) - {"ANY"}):
        for count in ("found", "missed", "right", "wrong"):
            setattr(total, count, getattr(total, count) + getattr(scores[name], count))
    return {**dict(sorted(scores.items())), "ALL": total}


def _count(scores: dict[str, Score], name: str, what: str, said: str) -> None:
    entry = scores.setdefault(name, Score())
    setattr(entry, what, getattr(entry, what) + 1)
    if what in ("missed", "wrong"):
        entry.examples.append(f"{what}: {said!r}")


def _covers(text: str, mark: tuple[int, int], spans: Iterable[Span]) -> bool:
    covered = Counter(position for start, end, _ in spans for position in range(start, end))
    return all(covered[position] or not text[position].isalnum() for position in range(*mark))


def table(scores: dict[str, Score]) -> str:
    """One line a kind."""
    lines = [f"{'kind':<12} {'marks':>6} {'recall':>7} {'precision':>10}"]
    for name, entry in scores.items():
        lines.append(f"{name:<12} {entry.found + entry.missed:>6} {entry.recall:>7.3f} {entry.precision:>10.3f}")
    return "\n".join(lines)
