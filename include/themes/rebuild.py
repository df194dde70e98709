"""The themes once more, from events and items alone, where `themes.parquet` was lost."""

import logging
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.lake.paths import Lake
from include.lake.read import read_table
from include.pipelines.registry import load_pipeline, pipeline_names
from include.themes.collection import Middle, Themes
from include.themes.embedding import embed, unit
from include.themes.items import sizes

log = logging.getLogger(__name__)

# Of each run so many items tell well enough where its themes lie.
ITEMS_OF_A_RUN = 2_000


def rebuild(lake: Lake, themes: Themes) -> None:
    """Count all items and place all themes anew; what was in none waits for nothing any more.

    Args:
        themes: with all events, and nothing else.

    Raises:
        RetryLater: the lake cannot be read.
    """
    paths = [path.split("/")[-3:] for path in lake.find(lake.themes("items"), "*/*/*.parquet")]
    places = {theme_id: at for at, theme_id in enumerate(themes.themes)}
    for pipeline, day, name in sorted(paths, key=lambda parts: parts[1:]):
        items = read_table(lake, lake.themes("items", pipeline, day, name))
        items = items.filter(pc.is_in(items["theme_id"], pa.array([*places], pa.string())))
        themes.count(pipeline, sizes(items), date.fromisoformat(day.partition("=")[2]))
        some = items.take(np.arange(0, items.num_rows, max(items.num_rows // ITEMS_OF_A_RUN, 1)))
        vectors = embed(some["summary"].to_pylist())
        if pipeline not in themes.middles:
            is_known = pipeline in pipeline_names()
            themes.middles[pipeline] = Middle.of_sample(load_pipeline(pipeline)) if is_known else Middle()
        themes.middles[pipeline].learn(vectors)
        at = np.array([places[theme_id] for theme_id in some["theme_id"].to_pylist()], dtype=np.int64)
        themes.centers.take(unit(vectors - themes.middles[pipeline].mean), at)
    log.warning("themes.parquet was not there; it is made anew from %d runs", len(paths))
