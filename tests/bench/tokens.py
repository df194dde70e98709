"""`tokens`: what one record takes with one record a request, and how much of it a provider's prompt cache can serve."""

from collections.abc import Iterator
from datetime import UTC, datetime
from statistics import mean

from include.lake.effort import Usage
from include.llm.endpoint import OPENAI_BASE_URL, Endpoint
from include.llm.estimate import usual_answer_tokens
from include.llm.prices import load_price
from include.llm.token_count import token_counter
from include.pipelines.chain import build_chain
from include.pipelines.definition import Pipeline
from include.pipelines.registry import load_pipeline, pipeline_names
from include.quality.golden import load_golden
from include.sources.record import Record
from tests.bench.measuring import Line, Options
from tests.sources.reading import read_files

COSTS_OF, TEXTS_A_MONTH = "gpt-6-luna", 50_000
# What OpenAI's cache serves of a prefix, schema included, for models before GPT-5.6:
# https://developers.openai.com/api/docs/guides/prompt-caching
_SHORTEST_CACHED, _CACHED_IN_STEPS_OF = 1_024, 128


def run(_: Options) -> Iterator[Line]:
    """The bundled samples of each pipeline, with its production prompt; means over the labelled records."""
    for name in pipeline_names():
        yield from _pipeline(load_pipeline(name))


def _pipeline(pipeline: Pipeline) -> Iterator[Line]:
    endpoint = Endpoint(OPENAI_BASE_URL, "key", is_demo=False)
    chain = build_chain(pipeline, endpoint, pipeline.model, pipeline.prompt_version)
    labels = load_golden(pipeline)
    sample = read_files(
        pipeline.sample_glob, source=pipeline.name, attributes=pipeline.attributes, pulled_at=datetime.now(UTC)
    )
    records = [record for record in sample if isinstance(record, Record) and record.record_id in labels]
    # One that is read in parts takes several requests, whose split is another one.
    whole = [record for record in records if not chain.step_keys(record.text)]
    question = chain.question
    counter = token_counter(pipeline.model)
    messages, schema = question.constant_tokens, question.schema_tokens
    asked = [chain.about(record.text, record.attributes) for record in whole]
    text = mean(question.prepare(each.text, each.above).prompt_tokens - messages for each in asked)
    answer = usual_answer_tokens(question, (labels[record.record_id] for record in whole)) or 0.0
    parts = {
        "instructions": float(messages),
        "schema": float(schema),
        "text": text,
        "answer": answer,
    }
    prefix, prompt = messages + schema, messages + schema + text
    from_openai = prefix // _CACHED_IN_STEPS_OF * _CACHED_IN_STEPS_OF if prefix >= _SHORTEST_CACHED else 0
    shared: Line = {
        "pipeline": pipeline.name,
        "prompt_version": pipeline.prompt_version,
        "records": len(whole),
        "left_out": len(records) - len(whole),
        "counted_as": counter.name,
        **{f"{name}_tokens": round(value, 1) for name, value in parts.items()},
    }
    figures = {
        "tokens_per_record": (round(prompt + answer, 1), "tokens"),
        "cacheable_share": (round(prefix / prompt, 3), "of the prompt"),
        "openai_cacheable_share": (round(from_openai / prompt, 3), "of the prompt"),
    }
    price = load_price(COSTS_OF, OPENAI_BASE_URL, {})
    if price is not None:
        for metric, cached in (("usd_without_cache", 0), ("usd_with_cache", from_openai)):
            each = price.cost_usd(Usage(round(prompt), cached, round(answer)))
            figures[metric] = (round(TEXTS_A_MONTH * each, 2), f"USD for {TEXTS_A_MONTH:,} texts on {COSTS_OF}")
    for metric, (value, unit) in figures.items():
        yield {"bench": "tokens", "metric": metric, "value": value, "unit": unit, **shared}
