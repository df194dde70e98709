"""The trigger form: what a person may set for one run. Its fields and their words are in `form.toml`."""

import tomllib
from pathlib import Path
from typing import Any

from airflow.sdk import Param

from include.pipelines.definition import Pipeline

_FIELDS: dict[str, dict[str, Any]] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def trigger_form(pipeline: Pipeline) -> dict[str, Param]:
    """Params of a pipeline's DAG, in the order in which the form shows them."""
    own: dict[str, dict[str, Any]] = {
        "prompt_version": {
            "enum": [None, *pipeline.prompt_versions()],
            "values_display": {"null": f"the production prompt, {pipeline.prompt_version}"},
        },
        "mode": {"default": pipeline.mode},
    }
    form = {}
    for name, field in _FIELDS.items():
        says = field["description_md"].format(pipeline=pipeline)
        form[name] = Param(**{"default": None, **field, **own.get(name, {}), "description_md": says})
    return form
