"""Every path stays inside the lake and says what it holds."""

from datetime import UTC, date, datetime

import pytest

from include.errors import ConfigurationError
from include.lake.paths import is_trial, manual_run_key, open_lake, window_run_key


def test_a_run_file_lies_in_its_hive_partition() -> None:
    lake = open_lake("/lake")
    assert (
        lake.run_file("results", "reviews", date(2026, 11, 23), "key")
        == "/lake/results/reviews/run_date=2026-11-23/key.parquet"
    )


@pytest.mark.parametrize("pipeline", ["../evil", "Reviews", "a/b", "", "x" * 41])
def test_a_pipeline_name_cannot_leave_the_lake(pipeline: str) -> None:
    with pytest.raises(ConfigurationError):
        open_lake("/lake").table("results", pipeline)


@pytest.mark.parametrize("run_key", ["../x", "a/b", ".hidden", ""])
def test_a_run_key_cannot_leave_its_partition(run_key: str) -> None:
    with pytest.raises(ConfigurationError):
        open_lake("/lake").work("reviews", run_key)


def test_two_run_ids_that_look_alike_have_two_keys() -> None:
    assert manual_run_key("manual__a:b") != manual_run_key("manual__a/b")


def test_the_same_window_model_and_prompt_have_the_same_key() -> None:
    window = (datetime(2026, 11, 22, 2, tzinfo=UTC), datetime(2026, 11, 23, 2, tzinfo=UTC))
    assert window_run_key(*window, "gpt-4.1", "v1") == "20261122T020000Z-20261123T020000Z-v1-gpt-4.1"
    assert window_run_key(*window, "gpt-4.1", "v2") != window_run_key(*window, "gpt-4.1", "v1")


def test_trials_are_told_by_their_file_name() -> None:
    assert is_trial("/lake/results/x/run_date=2026-11-23/key-trial.parquet")
    assert not is_trial("/lake/results/x/run_date=2026-11-23/key.parquet")


def test_an_unknown_file_system_is_named() -> None:
    with pytest.raises(ConfigurationError, match="NIGHTSHIFT_LAKE"):
        open_lake("nosuch://bucket")
