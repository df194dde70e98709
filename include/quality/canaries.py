"""Two nights' answers to the same questions: which of their fields differ, and whether they got better or worse."""

from collections import Counter
from collections.abc import Mapping
from operator import gt, lt
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from include.answer.structured_output import is_quote
from include.quality.drift import Labelled
from include.quality.golden import comparable, is_scored

Answer = Mapping[str, Any]


def flipped_fields(answer: type[BaseModel], before: Answer | None, now: Answer | None) -> list[str]:
    """Fields that are answered otherwise; all of them where one of the two is no answer.

    Free texts and quotes are not looked at: a model words them anew each time.

    Args:
        answer: the pipeline's answer model.
    """
    fields = {name: info for name, info in answer.model_fields.items() if is_scored(info) and not is_quote(info)}
    return _differing(fields, before, now)


def labelled_against(
    answer: type[BaseModel],
    labels: Mapping[str, Answer],
    before: Mapping[str, Answer | None],
    now: Mapping[str, Answer | None],
) -> Labelled | None:
    """What became of the labelled canaries that were asked the same on both nights; None: there is none.

    Args:
        labels, before, now: by record id.
    """
    fields = {name: info for name, info in answer.model_fields.items() if is_scored(info)}
    both = [key for key in now if key in before and key in labels]
    if not both or not fields:
        return None
    then, today = ([len(_differing(fields, labels[key], night[key])) for key in both] for night in (before, now))
    total = len(both) * len(fields)
    return Labelled(
        worse=sum(map(gt, today, then)),
        better=sum(map(lt, today, then)),
        n=len(both),
        before=1 - sum(then) / total,
        now=1 - sum(today) / total,
    )


def _differing(fields: Mapping[str, FieldInfo], one: Answer | None, other: Answer | None) -> list[str]:
    """Fields in which two answers differ: all of them where one of the two is none."""
    if one is None or other is None:
        return list(fields) if one != other else []
    return [
        name
        for name, info in fields.items()
        if Counter(comparable(info, one.get(name))) != Counter(comparable(info, other.get(name)))
    ]
