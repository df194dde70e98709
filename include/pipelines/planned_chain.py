"""A chain as `plan` has written it down, so that a deploy in the middle of a run changes nothing in it.

What is sent, and the keys under which answers stand, come from here; the code that reads the answers is today's. Where
that does not fit any more the run stops, because half of it would have been asked another question.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator

from include.answer.structured_output import LENGTHS, quote_paths
from include.errors import StopRun
from include.llm.base_url import is_same_place
from include.llm.chain import Chain
from include.llm.endpoint import Endpoint
from include.llm.prompt import Prompt
from include.llm.providers.dialect import Dialect
from include.llm.request import Question
from include.pipelines.definition import Pipeline

# No answer is checked by them; of a strict schema all fields are required.
_NO_RULES = frozenset({"$defs", "title", "description", "default", "examples", "required"})
_LOWER_BOUNDS = frozenset({"minimum", "exclusiveMinimum", "minLength", "minItems"})
_UPPER_BOUNDS = frozenset({"maximum", "exclusiveMaximum", "maxLength", "maxItems"})
_WAY_OUT = "Clear the run from `plan` on. What was answered stays paid under its own key."


def _of_today(written: Any) -> Any:
    # An older Nightshift wrote this of endpoints that refuse the two.
    is_older = isinstance(written, dict) and written.get("length_keywords") is False
    return {**written, "without": LENGTHS} if is_older else written


@dataclass(frozen=True, kw_only=True)
class PlannedQuestion:
    """A question, and what its answers may be.

    Args:
        identity: of the question, by which it is seen whether today's code would ask another one.
        quotes: where the quotes of an answer are.
    """

    identity: str
    dialect: Annotated[Dialect, BeforeValidator(_of_today)]
    model: str
    prompt: Prompt
    schema: dict[str, Any]
    quotes: Sequence[tuple[str, ...]]
    max_output_tokens: int


@dataclass(frozen=True, kw_only=True)
class PlannedChain:
    """What a run asks, and whom; without the key and all that is sent beside it."""

    question: PlannedQuestion
    notes: PlannedQuestion | None
    chunk_characters: int
    base_url: str
    is_demo: bool = False
    is_recorded: bool = False
    has_key: bool = True


def write_down(chain: Chain, endpoint: Endpoint) -> PlannedChain:
    """What a run is going to ask, and whom."""
    return PlannedChain(
        question=_written(chain.question),
        notes=None if chain.notes is None else _written(chain.notes),
        chunk_characters=chain.chunk_characters,
        base_url=endpoint.base_url,
        is_demo=endpoint.is_demo,
        is_recorded=endpoint.is_recorded,
        has_key=bool(endpoint.api_key or endpoint.headers or endpoint.query),
    )


def planned_endpoint(planned: PlannedChain, endpoint: Endpoint) -> Endpoint:
    """Whom a planned run asks, with today's key.

    Args:
        planned: what `write_down` gave.
        endpoint: of the deployment today.

    Raises:
        StopRun: the deployment's key is for another place by now.
    """
    base_url, kind = planned.base_url, (planned.is_demo, planned.is_recorded)
    is_same_kind = kind == (endpoint.is_demo, endpoint.is_recorded)
    if is_same_kind and any(kind):
        # A server of `make run` may have got another port.
        return endpoint
    if is_same_kind and is_same_place(base_url, endpoint.base_url):
        return replace(endpoint, base_url=base_url)
    if not any(kind) and not planned.has_key:
        return replace(
            endpoint, base_url=base_url, api_key=None, is_demo=False, is_recorded=False, headers={}, query={}
        )
    raise StopRun(
        f"This run was planned for {base_url}, and the deployment has gone over to {endpoint.base_url} since. "
        f"{_WAY_OUT}"
    )


def planned_chain(planned: PlannedChain, pipeline: Pipeline) -> Chain:
    """What a planned run asks.

    Args:
        planned: what `write_down` gave.

    Raises:
        StopRun: answers to what was planned cannot be read any more.
    """
    question = _question(planned.question, pipeline, pipeline.answer)
    if planned.notes is None:
        return Chain(question)
    if pipeline.chunking is None:
        raise StopRun(f"{pipeline.folder / 'pipeline.py'} has lost the chunking that `plan` counts on. {_WAY_OUT}")
    notes = _question(planned.notes, pipeline, pipeline.chunking.notes)
    return Chain(question, notes, planned.chunk_characters)


def _written(question: Question) -> PlannedQuestion:
    return PlannedQuestion(
        identity=question.identity,
        dialect=question.dialect,
        model=question.model,
        prompt=question.prompt,
        schema=question.schema,
        quotes=quote_paths(question.answer),
        max_output_tokens=question.max_output_tokens,
    )


def _question(written: PlannedQuestion, pipeline: Pipeline, answer: type[BaseModel]) -> Question:
    question = Question(
        written.dialect, written.model, written.prompt, answer, written.max_output_tokens, written.schema
    )
    has_same_quotes = written.quotes == quote_paths(answer)
    # Pydantic's own schema checks no less than the strict one, which takes half a second and 40 MB of each task.
    if not has_same_quotes or not takes_all_of(answer.model_json_schema(), written.schema):
        raise StopRun(
            f"{answer.__name__} in {pipeline.folder / 'output.py'} has changed since `plan`, and does not take every "
            f"answer to what was planned. {_WAY_OUT}"
        )
    if question.identity != written.identity:
        raise StopRun(f"Nightshift has changed since `plan`, and would ask another question. {_WAY_OUT}")
    return question


def takes_all_of(new: dict[str, Any], old: dict[str, Any]) -> bool:
    """Whether every answer that fits the old JSON schema fits the new one, as far as the schemas tell."""

    def takes(new_node: dict[str, Any], old_node: dict[str, Any]) -> bool:
        now, then = _resolved(new_node, new), _resolved(old_node, old)
        if "anyOf" in then:
            return all(takes(now, option) for option in then["anyOf"])
        if "anyOf" in now:
            return any(takes(option, then) for option in now["anyOf"])
        return all(keeps(name, rule, then) for name, rule in now.items() if name not in _NO_RULES)

    def keeps(name: str, rule: Any, then: dict[str, Any]) -> bool:
        if name == "enum":
            return set(then.get("enum", [then.get("const")])) <= set(rule)
        before = then.get(name)
        if before is None:
            return False
        if name == "properties":
            return rule.keys() == before.keys() and all(takes(rule[field], before[field]) for field in rule)
        if name == "items":
            return takes(rule, before)
        if name in _LOWER_BOUNDS or name in _UPPER_BOUNDS:
            return bool(rule <= before if name in _LOWER_BOUNDS else rule >= before)
        return rule == before or (name == "type" and (rule, before) == ("number", "integer"))

    return takes(new, old)


def _resolved(node: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in node:
        return node
    target: dict[str, Any] = root["$defs"][node["$ref"].removeprefix("#/$defs/")]
    return target | {name: rule for name, rule in node.items() if name != "$ref"}
