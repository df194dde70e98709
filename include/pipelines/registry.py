"""Find pipelines by name."""

import importlib

from include.errors import ConfigurationError
from include.pipelines.definition import PIPELINES_FOLDER, Pipeline


def pipeline_names() -> list[str]:
    """Names of all pipeline folders, sorted."""
    return sorted(path.parent.name for path in PIPELINES_FOLDER.glob("*/pipeline.py"))


def load_pipeline(name: str) -> Pipeline:
    """The pipeline of folder `include/pipelines/<name>/`.

    Raises:
        ConfigurationError: there is no such folder, or its `PIPELINE` has another name.
    """
    if name not in pipeline_names():
        raise ConfigurationError(f"There is no pipeline {name!r}. There are: {', '.join(pipeline_names())}.")
    pipeline: Pipeline = importlib.import_module(f"include.pipelines.{name}.pipeline").PIPELINE
    if pipeline.name != name:
        raise ConfigurationError(f"include/pipelines/{name}/pipeline.py declares the name {pipeline.name!r}.")
    return pipeline
