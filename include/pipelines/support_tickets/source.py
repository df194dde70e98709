"""Which help desk the tickets come from: plain settings, read when a run pulls."""

from collections.abc import Mapping

from include.sources.source import Source


def source(environ: Mapping[str, str]) -> Source | None:
    """Zendesk, where `ZENDESK_CONNECTION` names an Airflow connection to it; else None."""
    connection_id = environ.get("ZENDESK_CONNECTION")
    if not connection_id:
        return None
    # Imported here because the web client takes its time, and DAG files are parsed every few seconds.
    from include.sources.tickets.zendesk import Zendesk

    return Zendesk(connection_id)
