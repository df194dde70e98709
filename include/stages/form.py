"""The trigger form: what a person may set for one run."""

from airflow.sdk import Param

from include.pipelines.definition import Pipeline
from include.stages.run_context import MODES, READ_FROM, REPROCESS

_ANSWERS = "How they are answered"


def trigger_form(pipeline: Pipeline) -> dict[str, Param]:
    """Params of a pipeline's DAG, in the order in which the form shows them."""
    return {
        "since": Param(
            None,
            type=["null", "string"],
            format="date-time",
            title="Since",
            description_md=(
                "Take records from this moment on (UTC). Empty: what is new since the last success. Airflow's own "
                "*Data Interval* or an earlier *Logical Date* sets the same window: use one of them."
            ),
        ),
        "until": Param(
            None,
            type=["null", "string"],
            format="date-time",
            title="Until",
            description_md="Take records before this moment (UTC). Empty, or in the future: up to now.",
        ),
        "limit": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            title="At most this many questions",
            description_md="The other records wait for the next run.",
        ),
        "dry_run": Param(
            False,
            type=["boolean", "null"],
            title="Dry run",
            description_md="Estimate tokens and cost. Nothing is asked, and every record waits for the next run.",
        ),
        "read_from": Param(
            READ_FROM[0],
            type="string",
            enum=list(READ_FROM),
            values_display={"source": "the source", "raw": "raw: the lake's own copy"},
            title="Read from",
            description_md="The lake's copy is for sources that keep their records for a week only.",
        ),
        "reprocess": Param(
            REPROCESS[0],
            type="string",
            enum=list(REPROCESS),
            values_display={
                "none": "none",
                "quarantined": "quarantined: those that were set aside",
                "older_prompt": "older_prompt: those answered under another prompt version",
                "all": "all: ask and pay for every record again",
            },
            title="Process again",
            description_md="Which of the records that were already published or quarantined are processed once more.",
        ),
        "model": Param(
            None,
            type=["null", "string"],
            title="Model",
            description_md=(
                f"Empty: the deployment's (`NIGHTSHIFT_MODEL`), else `{pipeline.model}`. Another one is a trial, which "
                "leaves `current/` alone."
            ),
            section=_ANSWERS,
        ),
        "prompt_version": Param(
            None,
            type=["null", "string"],
            enum=[None, *pipeline.prompt_versions()],
            values_display={"null": f"the production prompt, {pipeline.prompt_version}"},
            title="Prompt version",
            description_md="Another one is a trial, which leaves `current/` alone.",
            section=_ANSWERS,
        ),
        "promote": Param(
            False,
            type=["boolean", "null"],
            title="Promote",
            description_md=(
                "Publish the answers of the model and prompt above to `current/`. What a trial of them has answered is "
                "published without being asked again, in place of the older answers. Records that wait for their "
                "first answer are asked; all others keep theirs, unless *Process again* says so."
            ),
            section=_ANSWERS,
        ),
        # Hidden until there is a second one.
        "mode": Param(
            MODES[0],
            type="string",
            const=MODES[0],
            title="Mode",
            description_md="`online` asks the endpoint record by record.",
            section=_ANSWERS,
        ),
        "budget_usd": Param(
            None,
            type=["null", "number"],
            # The form does not know `exclusiveMinimum`.
            minimum=0.01,
            title="Budget (USD)",
            description_md=f"The run stops above it. Empty: `NIGHTSHIFT_BUDGET_USD`, else {pipeline.budget_usd:g}.",
            section="What it may cost",
        ),
    }
