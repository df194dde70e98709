"""How long the answers of a prompt and model were before."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from include.lake.index_rows import indexed_rows
from include.lake.outcomes import OUTCOMES_INDEX
from include.lake.paths import Lake

# More would hardly change the figures.
ENOUGH_ANSWERS = 2_000
# Files of runs that published little are cheap, but a year of them is not.
MAX_FILES = 30


@dataclass(frozen=True, slots=True)
class OutputHistory:
    """Completion tokens of an answer, all its steps together: their mean and 90th percentile."""

    mean: float
    p90: int


def output_history(lake: Lake, pipeline: str, model: str, prompt_hash: str) -> OutputHistory | None:
    """What the newest runs say, None when none of them asked this model with this prompt.

    Raises:
        RetryLater: the lake cannot be read.
    """
    files = lake.listed("results", pipeline)
    newest = sorted(files, reverse=True)[:MAX_FILES]
    found: defaultdict[str, list[int]] = defaultdict(list)
    columns = ("model", "prompt_hash", "reused", "completion_tokens")
    for path, _, rows in indexed_rows(lake, pipeline, OUTCOMES_INDEX, {path: files[path] for path in newest}, columns):
        is_like = pc.and_(pc.equal(rows["model"], model), pc.equal(rows["prompt_hash"], prompt_hash))
        paid = rows.filter(pc.and_(is_like, pc.invert(rows["reused"])))
        found[path] += paid["completion_tokens"].to_pylist()[: ENOUGH_ANSWERS - len(found[path])]
    tokens = [count for path in newest for count in found[path]][:ENOUGH_ANSWERS]
    return OutputHistory(float(np.mean(tokens)), int(np.quantile(tokens, 0.9))) if tokens else None
