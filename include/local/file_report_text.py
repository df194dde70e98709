"""The report on a person's own file as lines of a terminal: plain words, at most 100 columns, no colours."""

import re
import textwrap
from collections.abc import Callable, Mapping

from include.answer.answer_fields import answer_fields
from include.local.file_report import FileReport, Say, report_on
from include.local.own_file import OwnFile
from include.local.terminal import words

WIDTH = 100
SHOWN_NAMES = 8
# What a line of a part begins with: its label, or the name of a field, or the white space below it.
_LABEL = re.compile(r"\s*(?:\S+\s{2,})?")


def show_report(own: OwnFile, say: Say) -> int:
    """Look at a file and print what is found; returns the exit code, 1 where nothing can be asked about.

    Raises:
        NightshiftError: see `report_on`.
    """
    say(f"looking at {own.given} ...")
    report = report_on(own, say)
    print("\n".join(["", *report_lines(report)]), flush=True)
    return 0 if report.asked else 1


def report_lines(report: FileReport) -> list[str]:
    """All lines."""
    fields = list(answer_fields(report.pipeline.answer))
    width = max(len(field.name) for field in fields)
    filters: dict[str, Callable[..., str]] = {"counts": _counts, "kinds": _kinds, "duration": _duration}
    page = words("file_report.txt.j2", filters, report=report, fields=fields, width=width)
    return [line for long in page.splitlines() for line in _wrapped(long)]


def _wrapped(line: str) -> list[str]:
    label = _LABEL.match(line)
    if len(line) <= WIDTH or "make run " in line or label is None:
        return [line.rstrip()]
    indent = " " * label.end()
    return textwrap.wrap(line, WIDTH, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False)


def _counts(counts: Mapping[str, int]) -> str:
    shown = [f"{name} {count:,}" for name, count in list(counts.items())[:SHOWN_NAMES]]
    return ", ".join(shown + ([f"{len(counts) - SHOWN_NAMES} more"] if len(counts) > SHOWN_NAMES else []))


def _kinds(found: Mapping[str, tuple[int, int]]) -> str:
    return ", ".join(f"{kind} {values:,} in {records:,} records" for kind, (values, records) in found.items())


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(seconds, 1):.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5_400 else f"{seconds / 3_600:,.1f} hours"
