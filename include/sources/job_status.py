"""What a file or an answer says of a job that has not ended, or not well: it holds no text, and tells why."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from include.privacy.redact import redact
from include.sources.json_parts import part
from include.text.address import without_signature
from include.text.clean import clean_text

# Amazon's `TranscriptionJobStatus`, `CallAnalyticsJobStatus` and `JobStatus`; Zendesk's, Azure's and AssemblyAI's
# `status`; `state` of others.
_STATUS = re.compile(r"(?:[a-z]*[ _]?job[ _]?)?status|(?:job[ _]?)?state", re.IGNORECASE)
_REASONS = ("FailureReason", "failureReason", "error", "message", "detail", "description", "title")
_UNFINISHED = re.compile(
    "queued|in.?progress|processing|pending|running|working|not.?started|submitted|waiting", re.IGNORECASE
)
_FAILED = re.compile("failed|failure|error|errored|cancell?ed|killed|expired|aborted", re.IGNORECASE)
_SAID_CHARACTERS = 300


def job_trouble(document: Any) -> str | None:
    """What a job that is not finished or has failed says of itself; None: there is no such job in it.

    Args:
        document: parsed JSON; the status stands in it, or in an object of it, such as `TranscriptionJob`.
    """
    for job in _objects(document):
        if "subject" in job:
            # A ticket, which has a status too.
            continue
        status = next((text for name, text in job.items() if isinstance(text, str) and _STATUS.fullmatch(name)), "")
        if _FAILED.fullmatch(status) or (job.get("done") is True and job.get("error")):
            said = next(filter(None, (_text(job.get(name)) for name in _REASONS)), "")
            return f"its job failed ({status or 'done: true'})" + (f", which says: {said}" if said else "")
        if _UNFINISHED.fullmatch(status) or job.get("done") is False:
            return f"its job is not finished ({status or 'done: false'})"
    return None


def told(document: Any) -> str:
    """What an answer tells in place of what it was asked for: of its job, or of an error; empty if of neither."""
    texts = (_text(part(document, name)) for name in ("error", "errors", "message", "description"))
    words = job_trouble(document) or ", ".join(filter(None, texts))
    return f": {words}" if words else ""


def _objects(document: Any, depth: int = 3) -> Iterator[Mapping[str, Any]]:
    if isinstance(document, Mapping):
        yield document
        for value in document.values() if depth > 1 else ():
            yield from _objects(value, depth - 1)


def _text(value: Any) -> str:
    """The reason itself, or the one in an object or a list of one."""
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, Mapping):
        value = next((value[name] for name in ("message", *_REASONS) if isinstance(value.get(name), str)), None)
    said = " ".join(clean_text(value).split()) if isinstance(value, str) else ""
    return redact(without_signature(said))[:_SAID_CHARACTERS]
