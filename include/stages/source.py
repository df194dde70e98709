"""What a run reads: files, or the place that a pipeline's texts really come from."""

import os
from collections.abc import Mapping

from include.pipelines.definition import Pipeline
from include.settings import encoding_setting, live_source, source_location, source_setting, timezone_setting
from include.sources.files import Files
from include.sources.source import Source


def source_of(pipeline: Pipeline, environ: Mapping[str, str] = os.environ) -> Source:
    """What the pipeline reads: the place that its texts really come from, or else files.

    Raises:
        ConfigurationError: the place is set up in half; there is no such time zone or encoding.
    """
    location, setting = source_location(pipeline, environ), source_setting(pipeline.name)
    return live_source(pipeline, environ) or Files(
        location, setting, timezone_setting(environ), encoding_setting(environ)
    )
