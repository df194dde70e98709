"""A sentence as a vector that lies near those of sentences that say the same."""

import functools
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from include.text.clean import clean_text, is_blank

Vectors = npt.NDArray[np.float32]

DIMENSIONS = 256
# More than any pipeline's summary may have; what is longer says what it is about by then.
MOST_CHARACTERS = 600
_SENTENCES_AT_ONCE = 4_096


@functools.cache
def _model() -> Any:
    root, quiet = logging.getLogger(), logging.NullHandler()
    # Its import calls `logging.basicConfig`, which leaves a root logger alone that has a handler.
    root.addHandler(quiet)
    try:
        import wordllama
    finally:
        root.removeHandler(quiet)
    # The wheel holds the tokenizer in another folder than the one that is searched first, and nothing is downloaded.
    folder = Path(wordllama.__file__).parent
    return wordllama.WordLlama.load(cache_dir=folder, dim=DIMENSIONS, disable_download=True)


def embed(sentences: Sequence[str]) -> Vectors:
    """A vector of length 1 for each sentence; zeros where there is nothing to read in it."""
    cleaned = [clean_text(sentence[:MOST_CHARACTERS]) for sentence in sentences]
    # Those of a batch are padded to the longest of it.
    order = sorted((at for at, text in enumerate(cleaned) if not is_blank(text)), key=lambda at: len(cleaned[at]))
    found = np.zeros((len(cleaned), DIMENSIONS), dtype=np.float32)
    for start in range(0, len(order), _SENTENCES_AT_ONCE):
        part = order[start : start + _SENTENCES_AT_ONCE]
        found[part] = np.nan_to_num(_model().embed([cleaned[at] for at in part]))
    return unit(found)


def unit(vectors: Vectors) -> Vectors:
    """The same directions with length 1; what has none stays zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 1e-6)
