"""The trigger form: what a person may set for one run."""

from airflow.sdk import Param

from include.pipelines.definition import Pipeline
from include.stages.run_context import READ_FROM, REPROCESS


def trigger_form(pipeline: Pipeline) -> dict[str, Param]:
    """Params of a pipeline's DAG, in the order in which the form shows them."""
    return {
        "since": Param(
            None,
            type=["null", "string"],
            format="date-time",
            title="Since",
            description_md="Take records from this moment on (UTC). Empty: what is new since the last success.",
        ),
        "until": Param(
            None,
            type=["null", "string"],
            format="date-time",
            title="Until",
            description_md="Take records before this moment (UTC), but for what lies in the future. Empty: up to now.",
        ),
        "limit": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            title="At most this many questions",
            description_md="The rest is left for the next run.",
        ),
        "read_from": Param(
            READ_FROM[0],
            type="string",
            enum=list(READ_FROM),
            title="Read from",
            description_md="*raw* replays the lake's own copy, for sources that keep only a week.",
        ),
        "reprocess": Param(
            REPROCESS[0],
            type="string",
            enum=list(REPROCESS),
            title="Take up again",
            description_md=(
                "Records that already have an outcome: none of them, the quarantined ones, those answered under "
                "another prompt version, or all of them, which asks and pays anew."
            ),
        ),
        "model": Param(
            None,
            type=["null", "string"],
            title="Model",
            description_md=f"Empty: the deployment's (`NIGHTSHIFT_MODEL`), else `{pipeline.model}`.",
            section="How they are answered",
        ),
        "prompt_version": Param(
            None,
            type=["null", "string"],
            enum=[None, *pipeline.prompt_versions()],
            title="Prompt version",
            description_md=f"Empty: the production prompt, `{pipeline.prompt_version}`.",
            section="How they are answered",
        ),
        "promote": Param(
            False,
            type="boolean",
            title="Promote",
            description_md=(
                "Publish another model's or prompt's answers to `current/` too. Otherwise trying something never "
                "changes what analysts read."
            ),
            section="How they are answered",
        ),
        "mode": Param(
            "online",
            type="string",
            enum=["online"],
            title="Mode",
            description_md="`online` asks the endpoint record by record.",
            section="How they are answered",
        ),
        "budget_usd": Param(
            None,
            type=["null", "number"],
            exclusiveMinimum=0,
            title="Budget (USD)",
            description_md=f"The run stops above it. Empty: `NIGHTSHIFT_BUDGET_USD`, else {pipeline.budget_usd:g}.",
            section="What it may cost",
        ),
        "dry_run": Param(
            False,
            type="boolean",
            title="Dry run",
            description_md="Estimate tokens and cost, ask nothing, keep nothing: no record is taken from the next run.",
            section="What it may cost",
        ),
    }
