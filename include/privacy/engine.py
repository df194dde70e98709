"""The seam between what finds personal data and what takes it out: a text in, findings out.

Placeholders, their numbers, a pipeline's own patterns, columns and file names are the redactor's; how a name, a number
or an address is known is the engine's. `rules` has the one that is used.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

# What was found already; cleaned texts do not contain it.
TAKEN = "\x00"


class Finding(NamedTuple):
    """Characters `start` to `end` are personal data of a kind; `key` is the same for the same value spelt otherwise."""

    start: int
    end: int
    kind: str
    key: str


class Engine(Protocol):
    """Finds personal data; a function of this form can stand in for the rules."""

    def __call__(self, text: str, kinds: frozenset[str], people: dict[str, str]) -> Iterable[Finding]:
        """What is found in a text; where two findings overlap, the one that begins first counts.

        Args:
            text: with `TAKEN` for characters that are known already; no finding may contain one.
            kinds: those that are wanted.
            people: words of the names that the record has shown so far, and the key of the person; to be found
                again, and added to.
        """


def take(text: str, found: Iterable[Finding], kinds: frozenset[str]) -> tuple[list[Finding], str]:
    """Of what was found in a text that which counts, sorted, and the text of the same length without it."""
    in_order = sorted(found, key=lambda finding: (finding.start, -finding.end))
    if not in_order:
        return in_order, text
    taken = [one for one in _without_overlaps(in_order) if one.kind in kinds and TAKEN not in text[one.start : one.end]]
    return (taken, _blanked(text, taken)) if taken else (taken, text)


def _blanked(text: str, findings: Sequence[Finding]) -> str:
    """The text of the same length without what was found.

    Args:
        findings: sorted; none overlaps another.
    """
    parts, position = [], 0
    for finding in findings:
        parts += [text[position : finding.start], TAKEN * (finding.end - finding.start)]
        position = finding.end
    return "".join([*parts, text[position:]])


def _without_overlaps(in_order: Iterable[Finding]) -> Iterator[Finding]:
    """Of two findings that overlap the earlier, and the longer of two that begin together."""
    end = -1
    for finding in in_order:
        if finding.start >= end and finding.end > finding.start:
            end = finding.end
            yield finding
