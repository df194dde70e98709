"""Two nights' answers to the same questions: which of their fields differ, and whether they got better or worse."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

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
    if before is None or now is None:
        return [] if before is now else list(fields)
    return [
        name
        for name, info in fields.items()
        if Counter(comparable(info, before.get(name))) != Counter(comparable(info, now.get(name)))
    ]


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

    def right(record_id: str, given: Answer | None) -> int:
        return sum(
            given is not None
            and Counter(comparable(info, given.get(name))) == Counter(comparable(info, labels[record_id].get(name)))
            for name, info in fields.items()
        )

    pairs = [(right(key, before[key]), right(key, now[key])) for key in now if key in before and key in labels]
    if not pairs or not fields:
        return None
    total = len(pairs) * len(fields)
    return Labelled(
        worse=sum(then > today for then, today in pairs),
        better=sum(then < today for then, today in pairs),
        n=len(pairs),
        before=sum(then for then, _ in pairs) / total,
        now=sum(today for _, today in pairs) / total,
    )
