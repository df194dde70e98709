"""Scores of answers against the golden labels of a pipeline's sample."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from include.answer.closed_sets import closed_values
from include.answer.structured_output import fold, is_quote, item_model
from include.errors import ConfigurationError
from include.llm.endpoint import RECORDED_MODEL
from include.pipelines.definition import Pipeline


@dataclass
class FieldScore:
    """How often one field is what a careful person would have answered.

    Args:
        right: values that stand in both.
        predicted, golden: values in the answers and in the labels. For a field with one value a record both are the
            number of records, and the score is the accuracy; for a list it is the F1 over its items.
    """

    right: int = 0
    predicted: int = 0
    golden: int = 0

    @property
    def score(self) -> float | None:
        """F1, between 0 and 1: 2 * right / (predicted + golden); None when there is nothing to compare."""
        total = self.predicted + self.golden
        return 2 * self.right / total if total else None


def load_golden(pipeline: Pipeline) -> dict[str, dict[str, Any]]:
    """Labels by record id, in the form in which answers are stored.

    Raises:
        ConfigurationError: the file is missing or a line of it is malformed.
    """
    path = pipeline.golden_path
    try:
        lines = [json.loads(line) for line in path.read_bytes().split(b"\n") if line.strip()]
        return {line["record_id"]: line["answer"] for line in lines}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"The golden labels {path} cannot be read: {error}") from error


def check_scorable(model: str) -> None:
    """Refuse to score recorded answers.

    Raises:
        ConfigurationError: people wrote them as they wrote the labels, so a score would say nothing.
    """
    if model == RECORDED_MODEL:
        raise ConfigurationError(
            f"Nothing is scored on {RECORDED_MODEL}: people wrote them, as they wrote the golden labels, and no model "
            "was asked. Set a model with OPENAI_API_KEY or OPENAI_BASE_URL, or take the bundled one."
        )


def score_answers(
    answer: type[BaseModel], pairs: Iterable[tuple[Mapping[str, Any] | None, Mapping[str, Any]]], model: str
) -> dict[str, FieldScore]:
    """Score answers field by field.

    Args:
        answer: the pipeline's answer model.
        pairs: (answer or None where there is none, labels) of each labelled record. A record without an answer is
            wrong in every field.
        model: that gave the answers.

    Raises:
        ConfigurationError: see `check_scorable`.

    Returns:
        Field name to score. Closed sets and patterns are compared exactly; quotes by their folded text; lists of
        models by the closed sets of their items; free text is not scored.
    """
    check_scorable(model)
    scores = {name: FieldScore() for name, info in answer.model_fields.items() if is_scored(info)}
    for predicted, golden in pairs:
        for name, score in scores.items():
            values = Counter(comparable(answer.model_fields[name], golden.get(name)))
            given = Counter(comparable(answer.model_fields[name], predicted.get(name))) if predicted else Counter()
            score.right += (values & given).total()
            score.predicted += given.total()
            score.golden += values.total()
    return scores


def is_scored(info: FieldInfo) -> bool:
    """Whether two answers of a field can be compared: it is no free text."""
    return is_quote(info) or _is_closed(info) or item_model(info) is not None


def _is_closed(info: FieldInfo) -> bool:
    return bool(closed_values(info.annotation)) or any(getattr(mark, "pattern", None) for mark in info.metadata)


def comparable(info: FieldInfo, value: Any) -> list[Any]:
    """What of a field's value is compared, item by item, in no order."""
    element = item_model(info)
    if element is None:
        return [fold(value) if is_quote(info) and value is not None else value]
    closed = [name for name, inner in element.model_fields.items() if _is_closed(inner)]
    return [tuple(item.get(name) for name in closed) for item in value or ()]
