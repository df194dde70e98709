"""Everything that one run knows about itself, settled once by `extract` and handed to the other stages."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from difflib import get_close_matches
from typing import Any
from zoneinfo import ZoneInfo

from include.errors import ConfigurationError
from include.lake.paths import DRY_RUN_SUFFIX, TRIAL_SUFFIX, manual_run_key, window_run_key
from include.limits.run_limits import RunLimits
from include.llm.endpoint import Endpoint
from include.llm.providers.service_tier import MODES, ONLINE
from include.pipelines.definition import Pipeline
from include.settings import max_error_share, number_setting, production_model, rate_limits

REPROCESS = ("none", "quarantined", "older_prompt", "all")
READ_FROM = ("source", "raw")
FORM_FIELDS = (
    *("since", "until", "limit", "dry_run", "read_from", "reprocess"),
    *("model", "prompt_version", "promote", "mode", "budget_usd"),
)
TRIGGERS = ("scheduled", "manual", "backfill")


@dataclass(frozen=True)
class RunContext:
    """One run.

    Args:
        trigger: `scheduled`, `manual` or `backfill`.
        window_start, window_end: records that occurred in [start, end) are taken; None: no bound on that side.
        run_date: day on which the window ends, in the pipeline's time zone.
        started_at: UTC.
        is_trial: another model or prompt is tried without `promote`, so `current/` does not change.
        is_promotion: another model or prompt is published, and with it what trials of it have answered.
        limit: most records to ask about; the rest is left for the next run.
        budget_usd: most that the run may cost.
        has_own_budget: whether a person set it, in the form or the environment.
        requests_per_minute, tokens_per_minute: the provider's limit; None: not known.
        mode: how answers are asked for: `online` or `flex`. What the endpoint does not have `plan` tells.
        endpoint: host[:port] of who answers.
    """

    pipeline: str
    run_id: str
    run_key: str
    trigger: str
    window_start: datetime | None
    window_end: datetime
    run_date: date
    started_at: datetime
    model: str
    prompt_version: str
    is_trial: bool
    limit: int | None
    budget_usd: float
    requests_per_minute: float | None
    tokens_per_minute: float | None
    read_from: str
    reprocess: str
    dry_run: bool
    is_bounded: bool
    is_promotion: bool = False
    mode: str = ONLINE
    endpoint: str | None = None
    has_own_budget: bool = False

    @property
    def purpose(self) -> str:
        """`night`, `trial` or `dry_run`."""
        return "dry_run" if self.dry_run else "trial" if self.is_trial else "night"

    @property
    def limits(self) -> RunLimits:
        """What it may take."""
        return RunLimits(self.requests_per_minute, self.tokens_per_minute, self.budget_usd)

    def to_dict(self) -> dict[str, Any]:
        """As JSON, for an XCom."""
        return {name: value.isoformat() if isinstance(value, date) else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "RunContext":
        """The inverse of `to_dict`."""
        times = {
            name: datetime.fromisoformat(fields[name]) if fields[name] else None
            for name in ("window_start", "window_end", "started_at")
        }
        return cls(**{**fields, **times, "run_date": date.fromisoformat(fields["run_date"])})


def settle_run(
    pipeline: Pipeline,
    endpoint: Endpoint,
    *,
    run_id: str,
    trigger: str,
    data_interval: tuple[datetime, datetime] | None,
    run_after: datetime,
    started_at: datetime,
    form: Mapping[str, Any],
    environ: Mapping[str, str] = os.environ,
    picked: tuple[datetime, datetime] | None = None,
) -> RunContext:
    """Settle window, model, prompt and limits of a run: the form, then the environment, then the pipeline.

    Args:
        trigger: `scheduled`, `manual` or `backfill`.
        data_interval: of a scheduled or backfilled run.
        run_after: when the run was due, UTC; the end of a manual run's window unless the form says `until`.
        form: values of the trigger form.
        picked: data interval that a person set for a manual run.

    Raises:
        ConfigurationError: a value of the form or the environment makes no sense.
    """
    _check_fields(form)
    # Only shards need it, but a wrong one is said before anything is pulled.
    max_error_share(environ)
    model, prompt_version, differs = _model_and_prompt(pipeline, endpoint, form, environ)
    is_trial = differs and not form.get("promote")
    interval = None if trigger == "manual" else data_interval
    start, end = _window(form, picked if interval is None else interval)
    window_end = _window_end(start, end, run_after, may_be_late=interval is not None)
    own_budget = form.get("budget_usd") or number_setting("NIGHTSHIFT_BUDGET_USD", environ)
    per_minute = rate_limits(pipeline, endpoint.comes_along, environ)
    return RunContext(
        pipeline=pipeline.name,
        run_id=run_id,
        run_key=_run_key(run_id, interval, model, prompt_version, bool(form.get("dry_run")), is_trial),
        trigger=trigger,
        window_start=start,
        window_end=window_end,
        run_date=window_end.astimezone(ZoneInfo(pipeline.timezone)).date(),
        started_at=started_at,
        model=model,
        prompt_version=prompt_version,
        is_trial=is_trial,
        limit=form.get("limit"),
        budget_usd=own_budget or pipeline.budget_usd,
        has_own_budget=own_budget is not None,
        requests_per_minute=per_minute[0],
        tokens_per_minute=per_minute[1],
        read_from=_one_of(form, "read_from", READ_FROM),
        reprocess=_one_of(form, "reprocess", REPROCESS),
        dry_run=bool(form.get("dry_run")),
        is_bounded=start is not None or end is not None,
        is_promotion=differs and not is_trial,
        mode=_one_of({"mode": form.get("mode") or pipeline.mode}, "mode", MODES),
        endpoint=endpoint.address,
    )


def _run_key(
    run_id: str,
    interval: tuple[datetime, datetime] | None,
    model: str,
    prompt_version: str,
    is_dry_run: bool,
    is_trial: bool,
) -> str:
    if interval is None:
        run_key = manual_run_key(run_id)
    else:
        # A dry run publishes nothing, so it must not replace what the same window has published.
        run_key = window_run_key(*interval, model, prompt_version) + DRY_RUN_SUFFIX * is_dry_run
    return run_key + TRIAL_SUFFIX * is_trial


def _window_end(start: datetime | None, end: datetime | None, run_after: datetime, *, may_be_late: bool) -> datetime:
    """The end of a window; what is not written yet is no part of any, for a watermark in the future would hide it."""
    end = end if end is not None and (may_be_late or end < run_after) else run_after
    if start is not None and start >= end:
        raise ConfigurationError(f"The window is empty: since {start.isoformat()} is not before {end.isoformat()}.")
    return end


def _model_and_prompt(
    pipeline: Pipeline, endpoint: Endpoint, form: Mapping[str, Any], environ: Mapping[str, str]
) -> tuple[str, str, bool]:
    """Both, and whether they are others than the production ones."""
    own_model = production_model(pipeline, endpoint.comes_along, environ)
    model = form.get("model") or own_model
    prompt_version = form.get("prompt_version") or pipeline.prompt_version
    if prompt_version not in pipeline.prompt_versions():
        raise ConfigurationError(
            f"Prompt version {prompt_version!r} of {pipeline.name} does not exist. There are: "
            f"{', '.join(pipeline.prompt_versions())}."
        )
    return model, prompt_version, (model, prompt_version) != (own_model, pipeline.prompt_version)


def _check_fields(form: Mapping[str, Any]) -> None:
    for name in sorted(form.keys() - set(FORM_FIELDS)):
        near = get_close_matches(name, FORM_FIELDS, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(FORM_FIELDS)}."
        raise ConfigurationError(f"The run's configuration has a field {name!r} that nothing reads. {hint}")


def _window(
    form: Mapping[str, Any], interval: tuple[datetime, datetime] | None
) -> tuple[datetime | None, datetime | None]:
    """The window of the form or the data interval; both may be given where they say the same."""
    since, until = _form_time(form, "since"), _form_time(form, "until")
    if interval is None:
        return since, until
    for name, given, own in zip(("since", "until"), (since, until), interval, strict=True):
        if given is not None and given != own:
            raise ConfigurationError(
                f"{name} is {given.isoformat()}, but the run's data interval is from {interval[0].isoformat()} to "
                f"{interval[1].isoformat()}. Set one of the two, and leave the other one empty."
            )
    return interval


def _form_time(form: Mapping[str, Any], name: str) -> datetime | None:
    value = form.get(name)
    if not value:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise ConfigurationError(f"{name}={value!r} is not a time such as 2026-11-23T00:00:00+00:00.") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _one_of(form: Mapping[str, Any], name: str, allowed: tuple[str, ...]) -> str:
    value = form.get(name) or allowed[0]
    if value not in allowed:
        raise ConfigurationError(f"{name}={value!r} is none of {', '.join(allowed)}.")
    return str(value)
