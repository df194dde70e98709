"""Nightly reading of the call transcripts."""

from include.pipelines.call_transcripts.output import Answer, ChunkNotes
from include.pipelines.call_transcripts.source import source
from include.pipelines.definition import Chunking, Pipeline, ReportFields

PIPELINE = Pipeline(
    name="call_transcripts",
    title="Call transcripts",
    description="""
Reads every transcript of the night's window once and says **why** the customer called, how the call **ended**, how
the customer felt at its start and at its end, and **who promised what**.

Analysts read `<lake>/current/call_transcripts`: one row for each call with its newest answer. Calls that could not be
answered are in `<lake>/quarantine/call_transcripts`, each with the reason.

A long call is read in two steps: notes of each part, then the answer from the notes. Personal data is redacted before
a text is stored or sent.
""",
    answer=Answer,
    source=source,
    report_fields=ReportFields(
        unit="calls",
        topic="reason_category",
        summary="summary",
        theme="reason",
        sentiment="customer_sentiment_end",
        kind="outcome",
        actions="action_items",
    ),
    owner="customer-care",
    tags=("nightshift", "calls"),
    schedule="30 2 * * *",
    attributes={"duration_seconds": int, "agent_id": str, "queue": str, "direction": str},
    # A usual answer has about 110, that of a long call with five actions about 220.
    max_output_tokens=350,
    # About an hour of talk; longer recordings are mostly lines that nobody hung up.
    max_text_characters=60_000,
    # Prompt, chunk and answer stay below 2,000 tokens: a small model reads that much well, and a short call, which
    # most are, is still answered in one step. Four usual notes have about 90.
    chunking=Chunking(notes=ChunkNotes, chunk_characters=3_200, max_output_tokens=160),
)
