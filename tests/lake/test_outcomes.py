"""Which record versions a run does not take up again."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from include.lake.outcomes import Outcomes
from include.lake.paths import Lake, open_lake
from include.lake.row_hashes import row_hashes
from include.lake.schemas import QUARANTINE_SCHEMA
from include.lake.write import write_table

DAY = date(2026, 11, 20)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Outcomes of a production run, of a run `own`, and of a trial of another prompt."""
    lake = open_lake(str(tmp_path))
    write(lake, "results", "night", ("published", "v1"), ("older", "v0"))
    write(lake, "quarantine", "night", ("quarantined", "v1"), ("unreadable", None))
    write(lake, "results", "own", ("own", "v1"))
    write(lake, "results", "tried-trial", ("tried", "v1"))
    return lake


def write(lake: Lake, table: str, run_key: str, *outcomes: tuple[str, str | None]) -> None:
    """One run's (record id, prompt version); what was unreadable has neither prompt nor model."""
    rows = [
        {
            "record_id": record_id,
            "record_version": "1",
            "stage": "infer",
            "error_type": "",
            "error_message": "",
            "model": prompt and "m",
            "prompt_version": prompt,
            "processed_at": datetime(2026, 11, 20, tzinfo=UTC),
        }
        for record_id, prompt in outcomes
    ]
    path = lake.run_file(table, "support_tickets", DAY, run_key)
    write_table(lake, path, pa.Table.from_pylist(rows, schema=QUARANTINE_SCHEMA))


def known(lake: Lake, reprocess: str = "none", version: str = "1", **run: Any) -> set[str]:
    """Records that a run leaves alone."""
    ids = ["published", "older", "quarantined", "unreadable", "own", "tried", "new"]
    asking: dict[str, Any] = {"run_key": "own", "model": "m", "prompt_version": "v1", "for_trial": False, **run}
    mask = Outcomes(lake, "support_tickets", **asking).known(row_hashes(ids, [version] * len(ids)), reprocess)
    return {record_id for record_id, is_known in zip(ids, mask, strict=True) if is_known}


def test_what_others_published_or_quarantined_is_known_and_what_the_run_did_itself_is_not(lake: Lake) -> None:
    assert known(lake) == {"published", "older", "quarantined", "unreadable"}


def test_another_version_of_a_record_is_new(lake: Lake) -> None:
    assert known(lake, version="2") == set()


@pytest.mark.parametrize(
    ("reprocess", "left"),
    [
        ("quarantined", {"published", "older"}),
        ("older_prompt", {"published", "quarantined", "unreadable"}),
        ("all", set()),
    ],
)
def test_reprocess_takes_up_what_it_says(lake: Lake, reprocess: str, left: set[str]) -> None:
    assert known(lake, reprocess) == left


def test_a_trial_knows_the_trials_of_its_own_model_and_prompt_only(lake: Lake) -> None:
    assert known(lake, for_trial=True) == {"tried"}
    assert known(lake, for_trial=True, prompt_version="v2") == set()
    assert known(lake, for_trial=True, model="n") == set()


def test_a_run_knows_what_it_published_itself_before(lake: Lake) -> None:
    outcomes = Outcomes(lake, "support_tickets", "own", "m", "v1", for_trial=False)
    assert outcomes.own(row_hashes(["own", "published"], ["1", "1"])).tolist() == [True, False]
