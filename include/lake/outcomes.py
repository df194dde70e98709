"""Which record versions already have an outcome, published or quarantined."""

import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.lake.index_rows import Files, IndexPart, indexed_rows
from include.lake.paths import Lake, is_trial
from include.lake.row_hashes import Lookup, Mask, RowHashes, row_hashes


def key_prefixes(keys: Iterable[str]) -> RowHashes:
    """First 64 bits of answer keys. Two of 10 million keys share them by chance once in 370,000 lakes."""
    return np.frombuffer(bytes.fromhex("".join(key[:16] for key in keys)), dtype=">i8").astype(np.int64)


_VERSION = ("record_id", "record_version")
_TEXTS = (*_VERSION, "model", "prompt_version", "prompt_hash")
_COUNTS = [("reused", pa.bool_()), ("completion_tokens", pa.int64()), ("key_prefix", pa.int64())]
OUTCOMES_INDEX = IndexPart(
    "outcomes",
    ("results", "quarantine"),
    pa.schema([*((name, pa.string()) for name in _TEXTS), *_COUNTS]),
    {"key_prefix": ("answer_key", lambda rows: pa.array(key_prefixes(rows["answer_key"].to_pylist())))},
)
_Of = Literal["any", "prompt", "prompt and model"]


@dataclass(frozen=True)
class Outcomes:
    """What one run sees of the outcomes of others.

    A production run looks at what production runs published or quarantined; a trial at the trials of the same model
    and prompt, so that trying something neither takes work from the night nor repeats itself. A run never counts its
    own outcomes: the same run again does the same again.

    Args:
        run_key, model, prompt_version: of the asking run.
        for_trial: whether that is a trial.
        promotes: whether it publishes what trials of its model and prompt have answered, over older answers.
    """

    lake: Lake
    pipeline: str
    run_key: str
    model: str
    prompt_version: str
    for_trial: bool
    promotes: bool = False

    def known(self, versions: RowHashes, reprocess: str) -> Mask:
        """Which of these record versions a run skips.

        Every outcome's id and version is read, row group by row group, and nothing else of it: one to two seconds for a
        million outcomes, and memory only for what is asked about.

        Args:
            versions: row_hashes of (record_id, record_version).
            reprocess: `none` selects nothing that has an outcome; `quarantined` what was never published;
                `older_prompt` what has no outcome under this prompt version; `all` everything.
        """
        if reprocess == "all" or not len(versions):
            return np.zeros(len(versions), dtype=np.bool_)
        tables = ("results",) if reprocess == "quarantined" else ("results", "quarantine")
        of: _Of = "prompt and model" if self.for_trial else "prompt" if reprocess == "older_prompt" else "any"
        return self._found(versions, tables, self.for_trial, of) & ~self.promoted(versions)

    def promoted(self, versions: RowHashes) -> Mask:
        """Which of these record versions a trial has answered that the run publishes now."""
        if not self.promotes or not len(versions):
            return np.zeros(len(versions), dtype=np.bool_)
        tried = self._found(versions, ("results",), True, "prompt and model")
        return tried & ~self._found(versions, ("results", "quarantine"), False, "prompt and model")

    def _found(self, versions: RowHashes, tables: Sequence[str], in_trials: bool, of: _Of) -> Mask:
        files = {
            path: info
            for path, info in self._listed(tables).items()
            if is_trial(path) == in_trials and not self._is_own(path)
        }
        return self._among(versions, files, of)

    def own(self, versions: RowHashes) -> Mask:
        """Which of these record versions the run itself published or quarantined before: it has to keep them."""
        listed = self._listed(("results", "quarantine"))
        return self._among(versions, {path: info for path, info in listed.items() if self._is_own(path)}, "any")

    def _among(self, versions: RowHashes, files: Files, of: _Of) -> Mask:
        lookup = Lookup(versions if files else versions[:0])
        columns = _VERSION if of == "any" else (*_VERSION, "model", "prompt_version")
        for _, _, rows in indexed_rows(self.lake, self.pipeline, OUTCOMES_INDEX, files, columns):
            counted = self._counted(rows, of)
            lookup.mark(row_hashes(*(counted[name].to_pylist() for name in _VERSION)))
        return lookup.found(versions)

    def _listed(self, tables: Sequence[str]) -> Files:
        return {path: info for table in tables for path, info in self.lake.listed(table, self.pipeline).items()}

    def _is_own(self, path: str) -> bool:
        return posixpath.basename(path) == f"{self.run_key}.parquet"

    def _counted(self, rows: pa.Table, of: _Of) -> pa.Table:
        if of == "any":
            return rows
        # Rows that were unreadable at extract have no model: no prompt makes them readable.
        counts = pc.fill_null(pc.equal(rows["prompt_version"], self.prompt_version), True)
        if of == "prompt and model":
            counts = pc.and_(counts, pc.fill_null(pc.equal(rows["model"], self.model), True))
        return rows.filter(counts)
