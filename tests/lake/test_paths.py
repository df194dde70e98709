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


WINDOW = (datetime(2026, 11, 22, 2, tzinfo=UTC), datetime(2026, 11, 23, 2, tzinfo=UTC))
TUNED = "ft:gpt-4.1-mini-2025-04-14:acme-customer-insights:tickets-v1:B1aaaaaa"


@pytest.mark.parametrize("model", ["gpt-4.1", "gpt-5-mini", "o3", "claude-haiku-4-5", "Qwen3-8B", "a" * 60])
def test_the_same_window_model_and_prompt_have_the_key_that_they_always_had(model: str) -> None:
    assert window_run_key(*WINDOW, model, "v1") == f"20261122T020000Z-20261123T020000Z-v1-{model}"
    assert window_run_key(*WINDOW, model, "v2") != window_run_key(*WINDOW, model, "v1")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (TUNED, TUNED[:-8] + "B9zzzzzz"),
        ("meta/llama-3:free", "meta/llama-3-free"),
        ("meta/llama-3:free", "meta-llama-3-free"),
        ("a" * 60, "a" * 61),
        ("llama_3", "llama-3"),
        ("models/x", "models//x"),
        ("-x", "x"),
        ("modèle", "mod-le"),
        ("", "-"),
    ],
)
def test_two_models_never_share_a_key(one: str, other: str) -> None:
    keys = [window_run_key(*WINDOW, model, "v1") for model in (one, other)]
    assert keys[0] != keys[1]
    # Nor does a model that is called what another's key ends in.
    assert window_run_key(*WINDOW, keys[0].partition("-v1-")[2], "v1") != keys[0] or keys[0].endswith(f"-v1-{one}")
    for key in keys:
        open_lake("/lake").run_file("results", "reviews", date(2026, 11, 23), f"{key}-dry-run-trial")


@pytest.mark.parametrize("model", ["acme-trial", "acme-dry-run"])
def test_a_models_name_does_not_make_a_night_a_trial(model: str) -> None:
    assert not is_trial(window_run_key(*WINDOW, model, "v1"))
    assert not window_run_key(*WINDOW, model, "v1").endswith("-dry-run")


def test_trials_are_told_by_their_file_name() -> None:
    assert is_trial("/lake/results/x/run_date=2026-11-23/key-trial.parquet")
    assert not is_trial("/lake/results/x/run_date=2026-11-23/key.parquet")


def test_an_unknown_file_system_is_named() -> None:
    with pytest.raises(ConfigurationError, match="NIGHTSHIFT_LAKE"):
        open_lake("nosuch://bucket")
