"""How the form, the environment and the pipeline settle a run."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from include.errors import ConfigurationError
from include.llm.endpoint import LOCAL_MODEL, RECORDED_MODEL, Endpoint, resolve_endpoint
from include.llm.providers.service_tier import MODES
from include.pipelines.chain import build_chain
from include.pipelines.registry import load_pipeline
from include.settings import rate_limits
from include.stages.form import trigger_form
from include.stages.run_context import FORM_FIELDS, READ_FROM, REPROCESS, RunContext, settle_run

PIPELINE = load_pipeline("support_tickets")
DEMO = Endpoint("http://127.0.0.1:8089/v1", "local", is_demo=True)
REMOTE = Endpoint("https://api.openai.com/v1", "key", is_demo=False)
NIGHT = (datetime(2026, 11, 22, 3, tzinfo=UTC), datetime(2026, 11, 23, 3, tzinfo=UTC))


def settle(
    form: dict[str, Any] | None = None,
    *,
    trigger: str = "manual",
    endpoint: Endpoint = REMOTE,
    environ: dict[str, str] | None = None,
    picked: tuple[datetime, datetime] | None = None,
) -> RunContext:
    """A run of the night from the 22nd to the 23rd."""
    return settle_run(
        PIPELINE,
        endpoint,
        run_id=f"{trigger}__x",
        trigger=trigger,
        data_interval=NIGHT,
        run_after=NIGHT[1],
        started_at=NIGHT[1],
        form=form or {},
        environ=environ or {},
        picked=picked,
    )


def test_a_scheduled_run_takes_its_data_interval() -> None:
    run = settle(trigger="scheduled")
    assert (run.window_start, run.window_end) == NIGHT
    assert run.run_key == "20261122T030000Z-20261123T030000Z-v3-gpt-6-luna"


def test_a_manual_run_without_a_window_is_unbounded() -> None:
    run = settle()
    assert (run.window_start, run.window_end, run.is_bounded) == (None, NIGHT[1], False)


def test_a_manual_run_takes_since_and_until_as_utc() -> None:
    run = settle({"since": "2026-11-01T00:00:00", "until": "2026-11-02T01:00:00+01:00"})
    assert run.window_start == datetime(2026, 11, 1, tzinfo=UTC)
    assert run.window_end == datetime(2026, 11, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-11-02T00:00:00", "until": "2026-11-01T00:00:00"}, "window is empty"),
        ({"prompt_version": "v99"}, "v99"),
        ({"reprocess": "some"}, "reprocess"),
        ({"mode": "offline"}, "mode"),
        ({"promot": True}, "'promot'.*Did you mean 'promote'"),
        ({"prompt-version": "v2"}, "'prompt-version'.*Did you mean 'prompt_version'"),
        ({"Limit": 3}, "'Limit'.*Did you mean 'limit'"),
        ({"budget": None}, "'budget'.*Did you mean 'budget_usd'"),
        ({"colour": "red"}, "'colour'.*There are: since, until"),
    ],
)
def test_a_form_that_makes_no_sense_is_refused_by_name(form: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        settle(form)


PICKED = (datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 4, 8, tzinfo=UTC))


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"since": PICKED[0].isoformat()},
        {"until": "2026-04-08T02:00:00+02:00"},
        {"since": "2026-04-01", "until": "2026-04-08"},
    ],
)
def test_an_interval_that_a_person_picks_is_the_window_of_a_manual_run(form: dict[str, Any]) -> None:
    run = settle(form, picked=PICKED)
    assert (run.window_start, run.window_end, run.is_bounded) == (*PICKED, True)
    assert run.run_key == settle().run_key


@pytest.mark.parametrize(
    "form",
    [{"since": "2026-04-02"}, {"until": "2026-04-09"}, {"since": PICKED[0].isoformat(), "until": "2026-11-01"}],
)
def test_two_windows_that_differ_are_refused(form: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"data interval is from 2026-04-01.*leave the other one empty"):
        settle(form, picked=PICKED)
    with pytest.raises(ConfigurationError, match=r"data interval is from 2026-11-22.*leave the other one empty"):
        settle(form, trigger="backfill")


def test_a_backfill_may_be_told_its_own_window() -> None:
    told = settle({"since": NIGHT[0].isoformat(), "until": NIGHT[1].isoformat()}, trigger="backfill")
    assert told == settle(trigger="backfill")


def test_the_form_goes_before_the_environment_and_that_before_the_pipeline() -> None:
    environ = {"NIGHTSHIFT_MODEL": "from-environment", "NIGHTSHIFT_BUDGET_USD": "5"}
    assert settle().model == PIPELINE.model
    assert settle(environ=environ).model == "from-environment"
    assert settle({"model": "from-form"}, environ=environ).model == "from-form"
    assert settle(environ=environ).budget_usd == 5
    assert settle({"budget_usd": 1}, environ=environ).budget_usd == 1


def test_a_limit_is_the_environments_else_the_pipelines_and_the_bundled_model_has_none() -> None:
    limited = replace(PIPELINE, requests_per_minute=30, tokens_per_minute=9_000)
    environ = {"NIGHTSHIFT_REQUESTS_PER_MINUTE": "7"}
    assert rate_limits(limited, comes_along=False, environ={}) == (30, 9_000)
    assert rate_limits(limited, comes_along=False, environ=environ) == (7, 9_000)
    assert rate_limits(limited, comes_along=True, environ=environ) == (7, None)


def test_a_setting_that_is_no_number_is_named() -> None:
    with pytest.raises(ConfigurationError, match="NIGHTSHIFT_BUDGET_USD"):
        settle(environ={"NIGHTSHIFT_BUDGET_USD": "lots"})


def test_another_prompt_is_a_trial_unless_promoted() -> None:
    assert settle({"prompt_version": "v2"}).is_trial
    assert settle({"prompt_version": "v2"}).run_key.endswith("-trial")
    assert not settle({"prompt_version": "v2", "promote": True}).is_trial
    assert settle({"prompt_version": "v2", "promote": True}).is_promotion
    assert not settle({"promote": True}).is_promotion
    assert not settle({"prompt_version": "v3"}).is_trial


def test_the_environments_model_is_production_not_a_trial() -> None:
    assert not settle(environ={"NIGHTSHIFT_MODEL": "gpt-4.1"}).is_trial


def test_the_bundled_model_has_its_own_name() -> None:
    assert settle(endpoint=DEMO).model == LOCAL_MODEL


def test_where_answers_are_recorded_they_are_production_and_the_bundled_model_is_a_trial() -> None:
    environ = {"NIGHTSHIFT_RECORDED_URL": "http://127.0.0.1:8189/v1"}
    night = settle(endpoint=resolve_endpoint(environ=environ), environ=environ)
    assert (night.model, night.is_trial, night.endpoint) == (RECORDED_MODEL, False, "127.0.0.1:8189")
    tried = settle(
        {"model": LOCAL_MODEL}, endpoint=resolve_endpoint(environ=environ, model=LOCAL_MODEL), environ=environ
    )
    assert (tried.model, tried.is_trial, tried.endpoint) == (LOCAL_MODEL, True, "127.0.0.1:8089")
    assert settle(environ=environ).model == PIPELINE.model


def test_a_pipeline_s_own_choice_is_no_way_to_recorded_answers() -> None:
    with pytest.raises(ConfigurationError, match=f"{RECORDED_MODEL} is the name of the answers"):
        build_chain(PIPELINE, REMOTE, RECORDED_MODEL, PIPELINE.prompt_version)


def test_a_run_survives_the_way_through_json() -> None:
    run = settle({"since": "2026-11-01T00:00:00"})
    assert RunContext.from_dict(run.to_dict()) == run


def test_a_connection_goes_before_the_environment() -> None:
    environ = {"OPENAI_API_KEY": "from-environment", "OPENAI_BASE_URL": "http://env/v1"}
    endpoint = resolve_endpoint("from-connection", "http://connection/v1/", environ)
    assert (endpoint.api_key, endpoint.base_url) == ("from-connection", "http://connection/v1")


def test_without_key_and_url_the_bundled_model_answers() -> None:
    assert resolve_endpoint(environ={}).is_demo
    assert resolve_endpoint(environ={"OPENAI_API_KEY": "k"}).base_url == "https://api.openai.com/v1"
    assert not resolve_endpoint(environ={"OPENAI_BASE_URL": "http://127.0.0.1:8000/v1"}).is_demo


def test_a_base_url_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="OPENAI_BASE_URL"):
        resolve_endpoint(environ={"OPENAI_BASE_URL": "nowhere"})


def test_the_form_offers_what_a_run_takes_and_its_defaults_are_what_a_run_without_it_takes() -> None:
    form = trigger_form(PIPELINE)
    assert tuple(form) == FORM_FIELDS
    for name, choices in (("read_from", READ_FROM), ("reprocess", REPROCESS), ("mode", MODES)):
        assert tuple(form[name].schema["enum"]) == tuple(form[name].schema["values_display"]) == choices
    assert settle({name: param.value for name, param in form.items()}) == settle()
    assert f"else {PIPELINE.budget_usd:g}." in form["budget_usd"].schema["description_md"]
