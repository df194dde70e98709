"""Two ways to answer the same texts, side by side."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from include.lake.effort import Effort
from include.llm.ledger import LedgerEntry, total_spent
from include.llm.prices import usd
from include.pipelines.definition import Pipeline
from include.quality.golden import FieldScore, score_answers


@dataclass(frozen=True)
class Variant:
    """One way to answer.

    Args:
        model, prompt_version: who was asked, and with what.
        entries: record id to outcome.
        seconds: how long all answers took together.
    """

    model: str
    prompt_version: str
    entries: Mapping[str, LedgerEntry]
    seconds: float
    scores: dict[str, FieldScore] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Such as `v2 on gpt-6-luna`."""
        return f"{self.prompt_version} on {self.model}"

    @property
    def effort(self) -> Effort:
        """What all answers took together."""
        return total_spent(self.entries.values())

    @property
    def answered(self) -> int:
        """Records with a valid answer."""
        return sum(entry.answer is not None for entry in self.entries.values())


def score_variants(pipeline: Pipeline, variants: Sequence[Variant], golden: Mapping[str, Mapping[str, Any]]) -> int:
    """Score each variant on the records that have labels, in place.

    Returns:
        How many records had labels.

    Raises:
        ConfigurationError: see `check_scorable`.
    """
    for variant in variants:
        labelled = [(entry.answer, golden[key]) for key, entry in variant.entries.items() if key in golden]
        variant.scores.update(score_answers(pipeline.answer, labelled, variant.model))
    return sum(key in golden for key in variants[0].entries)


def side_by_side(variants: Sequence[Variant], texts: Mapping[str, str], head_characters: int = 100) -> str:
    """Every record's answers under each other, fields that differ marked with `*`."""
    lines = []
    for record_id, text in texts.items():
        lines.append(f"\n{record_id}: {' '.join(text.split())[:head_characters]}")
        answers = [variant.entries[record_id].answer for variant in variants]
        for variant, answer in zip(variants, answers, strict=True):
            if answer is None:
                entry = variant.entries[record_id]
                lines.append(f"    {variant.label}: no answer: {entry.error_type}: {entry.error_message}")
        for name in next((answer for answer in answers if answer is not None), {}):
            values = [None if answer is None else answer[name] for answer in answers]
            if all(value == values[0] for value in values):
                lines.append(f"    {name}: {_short(values[0])}")
                continue
            for variant, value, answer in zip(variants, values, answers, strict=True):
                if answer is not None:
                    lines.append(f"  * {name} ({variant.label}): {_short(value)}")
    return "\n".join(lines)


def score_table(variants: Sequence[Variant], labelled: int, night: int) -> str:
    """Scores by field, then tokens, seconds and cost, one column a variant.

    Args:
        labelled: records with golden labels among the compared ones.
        night: records of a night, for what it would cost.
    """
    rows = [["field (score: right / answers / labels)", *(variant.label for variant in variants)]]
    rows += [[name, *(_score(variant.scores[name]) for variant in variants)] for name in variants[0].scores]
    rows.append(["answered", *(f"{variant.answered} of {len(variant.entries)}" for variant in variants)])
    rows.append(["prompt tokens", *(f"{variant.effort.usage.prompt_tokens:,}" for variant in variants)])
    rows.append(["completion tokens", *(f"{variant.effort.usage.completion_tokens:,}" for variant in variants)])
    rows.append(["seconds", *(f"{variant.seconds:.1f}" for variant in variants)])
    rows.append(["cost", *(usd(variant.effort.cost_usd) for variant in variants)])
    rows.append([f"a night of {night:,} records", *(usd(_for_night(variant, night)) for variant in variants)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([f"{labelled} records have golden labels", *table])


def _for_night(variant: Variant, night: int) -> float | None:
    return None if variant.effort.cost_usd is None else variant.effort.cost_usd / max(len(variant.entries), 1) * night


def _score(score: FieldScore) -> str:
    if score.score is None:
        return "nothing to compare"
    return f"{score.score:.2f} ({score.right} / {score.predicted} / {score.golden})"


def _short(value: Any, characters: int = 300) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= characters else f"{text[:characters]}…"
