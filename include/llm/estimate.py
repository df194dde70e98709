"""What asking about texts will take, before anybody is asked."""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import orjson

from include.answer.structured_output import quote_paths
from include.lake.effort import Usage
from include.llm.chain import Chain, Text
from include.llm.output_length import ASSUMED_SHARE_OF_CAP
from include.llm.prices import Price
from include.llm.request import Question
from include.llm.token_count import token_counter


@dataclass(frozen=True)
class Estimate:
    """Tokens of a number of texts, as nearly as they are known beforehand.

    Args:
        prompts: a text each, all its steps together. `cached_tokens` are those of instructions, examples and schema,
            which are the same for all texts and so may come from the provider's cache.
        answers: of all texts.
        requests: one a text, and one for each part of a long one.
        counted_by: name of the token counter.
    """

    prompts: tuple[Usage, ...]
    answers: Usage
    requests: int
    counted_by: str

    @property
    def usage(self) -> Usage:
        """Tokens of all texts."""
        return sum(self.prompts, self.answers)

    def cost_usd(self, price: Price | None, *, is_cached: bool, service_tier: str | None = None) -> float | None:
        """What it costs; None when the price is unknown.

        Args:
            is_cached: whether the provider serves what is the same for all texts from its cache.
            service_tier: on which all of it is billed; None: the list price's.
        """
        if price is None:
            return None if self.prompts else 0.0
        # One by one, because long prompts may cost more a token.
        each = (Usage(prompt.prompt_tokens, prompt.cached_tokens if is_cached else 0) for prompt in self.prompts)
        return sum((price.cost_usd(one, service_tier) for one in each), price.cost_usd(self.answers, service_tier))


def estimate(
    chain: Chain, texts: Iterable[Text], mean_output_tokens: float | None = None, answer_tokens: float | None = None
) -> Estimate:
    """Estimate what a chain takes for texts.

    Args:
        texts: as `chain.about` gives them.
        mean_output_tokens: of earlier answers to this prompt, their notes included; None: there are none.
        answer_tokens: what an answer is taken to have until then; None: half of its cap. Notes have half of theirs.
    """
    prompts, steps = [], 0
    for text in texts:
        prompts.append(Usage(chain.estimate_prompt_tokens(text), chain.constant_tokens(text.text)))
        steps += len(chain.chunks(text.text))
    if answer_tokens is None:
        answer_tokens = ASSUMED_SHARE_OF_CAP * chain.question.max_output_tokens
    if mean_output_tokens is None:
        notes_tokens = ASSUMED_SHARE_OF_CAP * chain.notes.max_output_tokens if chain.notes else 0.0
        output = len(prompts) * answer_tokens + steps * notes_tokens
    else:
        output = len(prompts) * mean_output_tokens
    counted_by = token_counter(chain.question.model).name
    return Estimate(tuple(prompts), Usage(0, 0, round(output)), len(prompts) + steps, counted_by)


def usual_answer_tokens(question: Question, labels: Iterable[Mapping[str, Any]]) -> float | None:
    """Mean tokens of labelled answers as a model writes them, with quotes as numbers; None: there are no labels."""
    counted = []
    for label in labels:
        answer = copy.deepcopy(dict(label))
        for path in quote_paths(question.answer):
            for holder in [answer] if len(path) == 1 else answer[path[0]]:
                holder[path[-1]] = None if holder[path[-1]] is None else 1
        counted.append(token_counter(question.model).count(orjson.dumps(answer).decode()))
    return fmean(counted) if counted else None
