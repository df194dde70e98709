"""What a service says of a job that brought no text."""

from typing import Any

import pytest

from include.sources.job_status import job_trouble, told


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"jobName": "call", "status": "FAILED", "results": {}}, "failed (FAILED)"),
        ({"JobStatus": "IN_PROGRESS", "Transcript": []}, "not finished (IN_PROGRESS)"),
        (
            {"TranscriptionJob": {"TranscriptionJobStatus": "FAILED", "FailureReason": "The media format is wrong."}},
            "failed (FAILED), which says: The media format is wrong.",
        ),
        ({"TranscriptionJob": {"TranscriptionJobStatus": "QUEUED"}}, "not finished (QUEUED)"),
        ({"CallAnalyticsJob": {"CallAnalyticsJobStatus": "IN_PROGRESS"}}, "not finished"),
        ({"status": "error", "error": "Download error", "text": None}, "failed (error), which says: Download error"),
        ({"job_status": {"status": "killed", "message": "Timed out"}}, "failed (killed), which says: Timed out"),
        ({"job_status": {"status": "working"}}, "not finished (working)"),
        ({"status": "Failed", "properties": {}, "error": {"code": "x", "message": "No audio"}}, "says: No audio"),
        ({"status": "NotStarted"}, "not finished (NotStarted)"),
        ({"name": "operations/1", "done": False}, "not finished"),
        ({"data": {"attributes": {"state": "PROCESSING"}}}, "not finished (PROCESSING)"),
        ({"done": True, "error": {"code": 3, "message": "Invalid audio"}}, "failed (done: true), which says: Invalid"),
    ],
)
def test_a_job_without_a_result_says_so(document: Any, says: str) -> None:
    assert says in (job_trouble(document) or "")


@pytest.mark.parametrize(
    "document",
    [
        {"status": "COMPLETED", "results": {}},
        {"status": "open", "error": "It broke."},
        {"id": 1, "status": "pending", "subject": "Kettle", "description": "It smoked"},
        {"ticket": {"id": 1, "status": "pending", "subject": None}},
        {"done": True},
        {"status": 1},
        {"status": None},
        [],
        "failed",
        None,
        {"a": {"b": {"c": {"status": "failed"}}}},
    ],
)
def test_what_is_no_such_job_says_nothing(document: Any) -> None:
    assert job_trouble(document) is None


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"errors": [{"status": "404", "detail": "There were no reports."}]}, ": There were no reports."),
        ({"error": "RecordInvalid", "description": "No export"}, ": RecordInvalid, No export"),
        ({"status": "queued"}, ": its job is not finished (queued)"),
        ({"tickets": None}, ""),
        ({"data": {"attributes": {"body": "My name is Jo"}}}, ""),
        ([], ""),
    ],
)
def test_an_answer_tells_of_its_error_and_of_nothing_else(document: Any, says: str) -> None:
    assert told(document) == says


def test_a_reason_is_shown_without_signatures_and_personal_data() -> None:
    reason = "jo.smith@example.com: https://bucket.example.com/a.wav?X-Amz-Signature=SECRET cannot be read"
    said = job_trouble({"status": "error", "error": reason})
    assert said and "cannot be read" in said
    assert "SECRET" not in said and "jo.smith" not in said
