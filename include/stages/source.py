"""What a run reads: files, or the place that a pipeline's texts really come from, with its columns mapped."""

import os
from collections.abc import Mapping
from dataclasses import replace

from include.errors import ConfigurationError
from include.pipelines.definition import Pipeline
from include.settings import encoding_setting, live_source, source_location, source_setting, timezone_setting
from include.sources.calls.transcripts import Transcripts
from include.sources.columns import ColumnMapping, columns_setting
from include.sources.files.files import Files
from include.sources.source import Source
from include.sources.tables.sql_table import SqlTable


def source_of(pipeline: Pipeline, environ: Mapping[str, str] = os.environ) -> Source:
    """What the pipeline reads: the place that its texts really come from, or else files.

    Raises:
        ConfigurationError: the place is set up in half; there is no such time zone or encoding; or columns are mapped
            that cannot be.
    """
    setting = columns_setting(pipeline.name)
    mapping, live = ColumnMapping.of(setting, environ.get(setting, "")), live_source(pipeline, environ)
    if live is None:
        location, named = source_location(pipeline, environ), source_setting(pipeline.name)
        return Files(location, named, timezone_setting(environ), encoding_setting(environ), mapping)
    if isinstance(live, SqlTable | Transcripts):
        return replace(live, mapping=mapping)
    if not environ.get(setting):
        return live
    raise ConfigurationError(
        f"{setting} maps the columns of files, SQL tables and transcripts, and {pipeline.name} reads none of these. "
        f"Unset it, or set {source_setting(pipeline.name)}."
    )
