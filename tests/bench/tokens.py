"""What one record in a request costs in tokens, and what the provider's prompt cache can save of it."""

import json
from collections.abc import Iterator
from statistics import mean

from include.llm.build_chain import build_chain
from include.llm.endpoint import Endpoint
from include.llm.structured_output import json_schema
from include.llm.token_count import token_counter
from include.llm.usage import TOKENS_PER_MESSAGE
from include.pipelines.registry import load_pipeline, pipeline_names
from tests.bench.line import Line, Settings


def run(_: Settings) -> Iterator[Line]:
    """Of the bundled samples: the constant prefix, the text, and the answer as the labels have it."""
    for name in pipeline_names():
        pipeline = load_pipeline(name)
        chain = build_chain(pipeline, Endpoint("https://api.openai.com/v1", "key", is_demo=False), pipeline.model, "v1")
        counter = token_counter(pipeline.model)
        question = chain.question
        prefix = question.prepare("").prompt_tokens
        schema = counter.count(json.dumps(json_schema(pipeline.answer, length_keywords=False)))
        samples = [
            json.loads(line)
            for path in sorted((pipeline.folder / "samples").glob("*.jsonl"))
            for line in path.read_bytes().split(b"\n")
            if line
        ]
        texts = [counter.count(text) for text in map(_text_of, samples) if text]
        labels = [line.decode() for line in pipeline.golden_path.read_bytes().split(b"\n") if line]
        answers = [counter.count(line) for line in labels]
        shown = {"pipeline": name, "counted_by": counter.name, "records": len(texts)}
        for metric, value in (
            ("prefix", prefix - TOKENS_PER_MESSAGE),
            ("schema", schema),
            ("text", mean(texts)),
            ("answer", mean(answers)),
        ):
            yield Line("tokens", f"{metric}_per_record", value, "tokens", shown)
        share = (prefix + schema) / (prefix + schema + mean(texts))
        yield Line("tokens", "cacheable_share_of_prompt", share, "share", shown)


def _text_of(sample: dict[str, object]) -> str:
    turns = sample.get("turns")
    if isinstance(turns, list):
        return "\n".join(f"{turn['role']}: {turn['text']}" for turn in turns)
    return str(sample.get("text") or "")
