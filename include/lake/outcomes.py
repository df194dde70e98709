"""Which record versions already have an outcome, published or quarantined."""

import posixpath

from include.lake.paths import Lake, is_trial
from include.lake.read import read_tables

_COLUMNS = ("record_id", "record_version", "model", "prompt_version")


def known_outcomes(
    lake: Lake, pipeline: str, run_key: str, model: str, prompt_version: str, for_trial: bool, reprocess: str
) -> set[tuple[str, str]]:
    """Record versions that a run does not take up again, as (record_id, record_version).

    A production run looks at what production runs published or quarantined; a trial at the trials of the same model
    and prompt, so that trying something neither takes work from the night nor repeats itself. A run never counts its
    own outcomes: the same run again does the same again.

    Args:
        run_key: of the asking run.
        reprocess: `none` takes up nothing that has an outcome; `quarantined` what was never published;
            `older_prompt` what has no outcome under this prompt version; `all` everything.
    """
    if reprocess == "all":
        return set()
    tables = ("results",) if reprocess == "quarantined" else ("results", "quarantine")
    files = [
        path
        for table in tables
        for path in lake.files(table, pipeline)
        if is_trial(path) == for_trial and posixpath.basename(path) != f"{run_key}.parquet"
    ]
    outcomes = read_tables(lake, files, _COLUMNS)
    if outcomes is None:
        return set()
    known = set()
    for record_id, version, row_model, row_prompt in zip(
        *(outcomes[name].to_pylist() for name in _COLUMNS), strict=True
    ):
        # Rows that were unreadable at extract have no model: no prompt makes them readable.
        other_prompt = row_prompt is not None and row_prompt != prompt_version
        other_model = row_model is not None and row_model != model
        if (reprocess == "older_prompt" and other_prompt) or (for_trial and (other_prompt or other_model)):
            continue
        known.add((record_id, version))
    return known
