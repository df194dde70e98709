"""Where the transcripts lie: a plain setting, read when a run pulls."""

from collections.abc import Mapping

from include.sources.source import Source


def source(environ: Mapping[str, str]) -> Source | None:
    """The files below `CALL_TRANSCRIPTS_PREFIX`, such as `s3://aws_default@bucket/calls/`; None where it is not set."""
    prefix = environ.get("CALL_TRANSCRIPTS_PREFIX")
    if not prefix:
        return None
    # Imported here because DAG files are parsed every few seconds.
    from include.privacy.customer_key import CustomerKeys
    from include.sources.calls.transcripts import Transcripts

    return Transcripts(prefix, CustomerKeys.of_environ(environ))
