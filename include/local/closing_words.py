"""What `make run` says at its end: one query on the lake, and where to go from here, with what it costs."""

from statistics import fmean
from typing import Any

from include.lake.paths import Lake
from include.lake.read import read_table
from include.llm.endpoint import OPENAI_BASE_URL, Endpoint
from include.llm.estimate import estimate
from include.llm.prices import load_price, usd
from include.local.choice import Choice
from include.local.lake_query import answer_of, topics_by_week
from include.local.terminal import words
from include.pipelines.chain import build_chain
from include.pipelines.definition import Pipeline
from include.pipelines.registry import load_pipeline
from include.report.purpose import RECORDED_SHORT

# Enough for a mean; more of them would only take time.
MOST_TEXTS = 200
WHOSE = {"recorded": f" ({RECORDED_SHORT})", "bundled": " (a tiny model, near chance)", "endpoint": ""}


def closing_words(lake: Lake, choice: Choice) -> str:
    """Topics by week as DuckDB finds them, then the next three commands."""
    pipeline = load_pipeline(choice.pipelines[0])
    parts = []
    # Elsewhere DuckDB needs its own key of the storage.
    if lake.is_local and lake.files("current", pipeline.name):
        query = topics_by_week(lake, pipeline)
        title = f"{pipeline.title} by topic and week{WHOSE[choice.answers]}, asked of the lake by DuckDB"
        parts.append(f"{title}:\n\n{query}\n\n{answer_of(query)}")
    cost = _cost_of_a_thousand(lake, pipeline)
    return "\n".join([*parts, words("next_commands.txt.j2", model=pipeline.model, cost=cost)])


def _cost_of_a_thousand(lake: Lake, pipeline: Pipeline) -> str:
    """What texts like the ones just read would cost on the pipeline's own model, without and with its cache."""
    rows: list[dict[str, Any]] = []
    # The newest days, of which one may hold a single text.
    for path in reversed(lake.files("current", pipeline.name)):
        rows += read_table(lake, path).slice(0, MOST_TEXTS - len(rows)).to_pylist()
        if len(rows) == MOST_TEXTS:
            break
    price = load_price(pipeline.model, OPENAI_BASE_URL)
    if price is None or not rows:
        return "the command above says what it costs"
    endpoint = Endpoint(OPENAI_BASE_URL, None, is_demo=False)
    chain = build_chain(pipeline, endpoint, pipeline.model, pipeline.prompt_version)
    texts = [
        chain.about(row["text"], {name.removeprefix("attr_"): row[name] for name in row if name.startswith("attr_")})
        for row in rows
    ]
    took = estimate(chain, texts, fmean(row["completion_tokens"] or 0 for row in rows))
    costs = (usd((took.cost_usd(price, is_cached=is_cached) or 0.0) * 1000 / len(texts)) for is_cached in (True, False))
    return f"a thousand texts like these cost about {' to '.join(costs)} ({price.as_of})"
