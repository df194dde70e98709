"""The trigger form: what a person may set for one run."""

from collections.abc import Sequence
from typing import Any

from airflow.sdk import Param

from include.llm.service_tier import MODES
from include.pipelines.definition import Pipeline
from include.stages.run_context import READ_FROM, REPROCESS

_ANSWERS = "How they are answered"


def trigger_form(pipeline: Pipeline) -> dict[str, Param]:
    """Params of a pipeline's DAG, in the order in which the form shows them."""
    return _which_records() | _answers(pipeline) | _budget(pipeline)


def _which_records() -> dict[str, Param]:
    return {
        "since": _optional(
            "string",
            "Since",
            "Take records from this moment on (UTC). Empty: what is new since the last success. Airflow's own "
            "*Data Interval* or an earlier *Logical Date* sets the same window: use one of them.",
            format="date-time",
        ),
        "until": _optional(
            "string",
            "Until",
            "Take records before this moment (UTC). Empty, or in the future: up to now.",
            format="date-time",
        ),
        "limit": _optional(
            "integer", "At most this many questions", "The other records wait for the next run.", minimum=1
        ),
        "dry_run": _switch(
            "Dry run", "Estimate tokens and cost. Nothing is asked, and every record waits for the next run."
        ),
        "read_from": _choice(
            READ_FROM,
            ("the source", "raw: the lake's own copy"),
            "Read from",
            "The lake's copy is for sources that keep their records for a week only.",
        ),
        "reprocess": _choice(
            REPROCESS,
            (
                "none",
                "quarantined: those that were set aside",
                "older_prompt: those answered under another prompt version",
                "all: ask and pay for every record again",
            ),
            "Process again",
            "Which of the records that were already published or quarantined are processed once more.",
        ),
    }


def _answers(pipeline: Pipeline) -> dict[str, Param]:
    return {
        "model": _optional(
            "string",
            "Model",
            f"Empty: the deployment's (`NIGHTSHIFT_MODEL`), else `{pipeline.model}`. Another one is a trial, which "
            "leaves `current/` alone.",
            section=_ANSWERS,
        ),
        "prompt_version": _optional(
            "string",
            "Prompt version",
            "Another one is a trial, which leaves `current/` alone.",
            enum=[None, *pipeline.prompt_versions()],
            values_display={"null": f"the production prompt, {pipeline.prompt_version}"},
            section=_ANSWERS,
        ),
        "promote": _switch(
            "Promote",
            "Publish the answers of the model and prompt above to `current/`. What a trial of them has answered is "
            "published without being asked again, in place of the older answers. Records that wait for their "
            "first answer are asked; all others keep theirs, unless *Process again* says so.",
            section=_ANSWERS,
        ),
        "mode": Param(
            pipeline.mode,
            type="string",
            enum=list(MODES),
            values_display=dict(zip(MODES, ("online", "flex: about half the price, slower"), strict=True)),
            title="Mode",
            description_md="`flex` is asked for as `service_tier`. A record that it has no room for waits, for "
            f"{pipeline.flex_patience_seconds:g} seconds at most, and is then asked at the standard price. A model "
            "without it is asked online, which `plan` and the report say.",
            section=_ANSWERS,
        ),
    }


def _budget(pipeline: Pipeline) -> dict[str, Param]:
    says = f"The run stops above it. Empty: `NIGHTSHIFT_BUDGET_USD`, else {pipeline.budget_usd:g}."
    # The form does not know `exclusiveMinimum`.
    budget = _optional("number", "Budget (USD)", says, minimum=0.01, section="What it may cost")
    return {"budget_usd": budget}


def _optional(kind: str, title: str, says: str, **schema: Any) -> Param:
    return Param(None, type=["null", kind], title=title, description_md=says, **schema)


def _switch(title: str, says: str, **schema: Any) -> Param:
    return Param(False, type=["boolean", "null"], title=title, description_md=says, **schema)


def _choice(names: Sequence[str], shown: Sequence[str], title: str, says: str) -> Param:
    display = dict(zip(names, shown, strict=True))
    return Param(names[0], type="string", enum=list(names), values_display=display, title=title, description_md=says)
