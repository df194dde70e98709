"""Settings of the deployment, read from the environment when a task runs, never when a DAG is parsed.

Order, strongest first: the trigger form, the Airflow connection `openai_default`, the environment, the pipeline's
own settings, the defaults. `include/stages/run_context.py` puts them together for one run.
"""

import codecs
import math
import os
from collections.abc import Mapping
from zoneinfo import ZoneInfo

from include.errors import ConfigurationError
from include.llm.endpoint import LOCAL_MODEL, RECORDED_MODEL, Endpoint
from include.pipelines.definition import Pipeline
from include.sources.source import Source

DEFAULT_LAKE = "./lake"
# Beyond it the trouble is the provider's: single records that nobody takes are a few in a hundred.
MAX_ERROR_SHARE = 0.2
# One in five answers that change are told from the usual few, for about a twentieth of a night of a thousand records.
CANARY_RECORDS = 50


def lake_uri(environ: Mapping[str, str] = os.environ) -> str:
    """Root of the lake: `NIGHTSHIFT_LAKE`, a path or an fsspec URI such as `s3://bucket/prefix`."""
    return environ.get("NIGHTSHIFT_LAKE") or DEFAULT_LAKE


def source_setting(pipeline_name: str) -> str:
    """Name of the variable that replaces a pipeline's source by files."""
    return f"NIGHTSHIFT_SOURCE_{pipeline_name.upper()}"


def source_location(pipeline: Pipeline, environ: Mapping[str, str] = os.environ) -> str:
    """Path, glob or URI of files with the pipeline's texts: the environment's, else the bundled samples."""
    return environ.get(source_setting(pipeline.name)) or pipeline.sample_glob


def live_source(pipeline: Pipeline, environ: Mapping[str, str] = os.environ) -> Source | None:
    """The place that the pipeline's texts really come from; None while it is not set up, or where files replace it.

    Raises:
        ConfigurationError: it is set up in half.
    """
    if pipeline.source is None or environ.get(source_setting(pipeline.name)):
        return None
    return pipeline.source(environ)


def production_model(pipeline: Pipeline, comes_along: bool, environ: Mapping[str, str] = os.environ) -> str:
    """The model of the deployment: `NIGHTSHIFT_MODEL`, else the pipeline's own choice.

    Args:
        comes_along: nobody has set an endpoint: it is the recorded answers where they are served (by `make run`), else
            the bundled model.
    """
    local = RECORDED_MODEL if environ.get("NIGHTSHIFT_RECORDED_URL") else LOCAL_MODEL
    return environ.get("NIGHTSHIFT_MODEL") or (local if comes_along else pipeline.model)


def share_setting(name: str, default: float, environ: Mapping[str, str] = os.environ) -> float:
    """A share from the environment, from 0 to 1.

    Raises:
        ConfigurationError: it is set to something else.
    """
    value = environ.get(name)
    if not value:
        return default
    share = _float(value)
    if not 0 <= share <= 1:
        raise ConfigurationError(f"{name}={value!r} is not a share from 0 to 1, such as {default:g}. Correct it.")
    return share


def max_error_share(environ: Mapping[str, str] = os.environ) -> float:
    """Share of a run's records that may be refused or get no usable answer before the run is stopped.

    Raises:
        ConfigurationError: `NIGHTSHIFT_MAX_ERROR_SHARE` is no share.
    """
    return share_setting("NIGHTSHIFT_MAX_ERROR_SHARE", MAX_ERROR_SHARE, environ)


def rate_limits(
    pipeline: Pipeline, comes_along: bool, environ: Mapping[str, str] = os.environ
) -> tuple[float | None, float | None]:
    """Requests and tokens per minute that the provider allows: the environment's, else the pipeline's; None: not known.

    Raises:
        ConfigurationError: see `number_setting`.
    """
    own = (None, None) if comes_along else (pipeline.requests_per_minute, pipeline.tokens_per_minute)
    return (
        number_setting("NIGHTSHIFT_REQUESTS_PER_MINUTE", environ) or own[0],
        number_setting("NIGHTSHIFT_TOKENS_PER_MINUTE", environ) or own[1],
    )


def number_setting(name: str, environ: Mapping[str, str] = os.environ) -> float | None:
    """A positive number from the environment; None when it is not set.

    Raises:
        ConfigurationError: it is set to something else.
    """
    value = environ.get(name)
    if not value:
        return None
    number = _float(value)
    if not 0 < number < float("inf"):
        raise ConfigurationError(f"{name}={value!r} is not a positive number. Correct it or unset it.")
    return number


def _float(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return math.nan


def shard_records(pipeline: Pipeline, environ: Mapping[str, str] = os.environ) -> int:
    """Records in one mapped task: `NIGHTSHIFT_SHARD_RECORDS`, else the pipeline's own number.

    Raises:
        ConfigurationError: it is set to something that is no whole number.
    """
    name = "NIGHTSHIFT_SHARD_RECORDS"
    number = number_setting(name, environ) or pipeline.shard_size
    if number != int(number):
        raise ConfigurationError(f"{name}={environ.get(name)!r} is not a whole number. Correct it or unset it.")
    return int(number)


def canary_records(endpoint: Endpoint, environ: Mapping[str, str] = os.environ) -> int:
    """How many canaries a night asks: `NIGHTSHIFT_CANARIES`; 0: none.

    None where nobody has set an endpoint: recorded answers never change, and the bundled model would take minutes for
    what it cannot answer well anyway.

    Raises:
        ConfigurationError: it is set to something that is no number of records.
    """
    value = environ.get("NIGHTSHIFT_CANARIES")
    if not value:
        return 0 if endpoint.comes_along else CANARY_RECORDS
    if not value.isdecimal():
        raise ConfigurationError(
            f"NIGHTSHIFT_CANARIES={value!r} is not a number of records, such as 50 or 0. Correct it."
        )
    return 0 if endpoint.is_recorded else int(value)


def timezone_setting(environ: Mapping[str, str] = os.environ) -> ZoneInfo:
    """`NIGHTSHIFT_TIMEZONE`, the zone of times in files that name none, such as `Europe/Berlin`; UTC if it is not set.

    Raises:
        ConfigurationError: there is no such zone.
    """
    name = environ.get("NIGHTSHIFT_TIMEZONE") or "UTC"
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ConfigurationError(
            f"NIGHTSHIFT_TIMEZONE={name!r} is no time zone. Set a name such as Europe/Berlin or UTC."
        ) from error


def encoding_setting(environ: Mapping[str, str] = os.environ) -> str | None:
    """`NIGHTSHIFT_ENCODING`, of tables that are neither UTF-8 nor UTF-16, such as `cp1250`; None if it is not set.

    Raises:
        ConfigurationError: there is no such encoding.
    """
    name = environ.get("NIGHTSHIFT_ENCODING") or None
    try:
        # There are codecs that are none of texts, such as `hex`.
        "".encode(name or "utf-8")
        return name and codecs.lookup(name).name
    except (LookupError, UnicodeError) as error:
        raise ConfigurationError(
            f"NIGHTSHIFT_ENCODING={name!r} is no encoding. Set a name such as cp1252 or cp932, or unset it."
        ) from error
