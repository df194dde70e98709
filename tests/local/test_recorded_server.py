"""Recorded answers go to the texts that they were written for, asked as production asks, and to nothing else."""

import asyncio
import json
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from include.errors import ConfigurationError, EndpointUnusable
from include.llm.endpoint import RECORDED_MODEL, Endpoint
from include.llm.preflight import check_endpoint
from include.llm.prompt import Prompt
from include.local.children import Children
from include.local.choice import Choice
from include.local.closing_words import closing_words
from include.local.model_server import RECORDED_PORT, start_server
from include.local.ports import DIRECT, free_port
from include.local.recorded_server import RECORDED as WEEKS
from include.local.recorded_server import Recorded, RecordedServer, load_answers
from include.local.summary import summary_table
from include.pipelines.chain import build_chain
from include.pipelines.registry import load_pipeline
from include.report.headline import Headline
from include.report.notify import slack_text
from include.report.purpose import RECORDED
from include.report.run_page import run_page
from include.report.runs_page import runs_page
from include.stages.run_context import RunContext
from include.stages.run_view import view_of
from tests.report.mailbox import mail_server
from tests.stages.running import Deployment

POINT = {
    "summary": "The app closes by itself.",
    "kind": "bug",
    "topic": "crashes",
    "topic_other": "",
    "severity": "high",
}
ANSWER = {"sentiment": "negative", "language": "en", "feedback": [{"quote": 2, **POINT}]}
CALL = {
    "summary": "The customer was charged twice and will get the money back.",
    "reason": "The renewal was charged twice.",
    "reason_category": "billing",
    "outcome": "follow_up",
    "customer_sentiment_start": "negative",
    "customer_sentiment_end": "neutral",
    "action_items": [],
    "language": "en",
}
NOTES = {"notes": ["Charged twice."], "customer_sentiment": "negative", "language": "en"}
TURNS = [{"role": "customer", "text": f"I see {number} charges of 4.99 and wanted one."} for number in range(100)]


def review(record_id: str, text: str) -> dict[str, Any]:
    """A review of the first week."""
    return {"id": record_id, "text": text, "created_at": "2026-11-03T08:00:00Z", "rating": 1}


REVIEWS = [
    review("r1", "Hello. It closes by itself; write to ann.smith@example.com please."),
    review("r2", "Two days now. It closes when I scan a receipt."),
    review("r3", "Sad. It closes every morning."),
]
REVIEW_ANSWERS: list[dict[str, Any]] = [
    {"id": "r1", "week": 1, "answer": ANSWER},
    {"id": "r2", "week": 1, "answer": ANSWER, "first_reply": "rate_limited"},
    {"id": "r3", "week": 1, "answer": ANSWER, "first_reply": "broken"},
]
CALLS = [{"id": "c1", "turns": TURNS, "created_at": "2026-11-03T08:00:00Z"}]
CALL_ANSWERS: list[dict[str, Any]] = [{"id": "c1", "week": 1, "answer": CALL, "notes": [NOTES, NOTES]}]


def write(folder: Path, pipeline: str, texts: list[dict[str, Any]], answers: list[dict[str, Any]]) -> Path:
    """Record one week of a pipeline; returns the file of the texts."""
    week = folder / pipeline / "week-1.jsonl"
    week.parent.mkdir(parents=True, exist_ok=True)
    week.write_text("\n".join(map(json.dumps, texts)))
    (week.parent / "answers.jsonl").write_text("\n".join(map(json.dumps, answers)))
    return week


@dataclass
class Recordings(Deployment):
    """A deployment that is played recorded answers.

    Args:
        waits: what answers would have taken, in seconds.
    """

    waits: list[float] = field(default_factory=list)

    @property
    def endpoint(self) -> Endpoint:
        """The server's."""
        return Endpoint(self.base_url, None, is_demo=False, is_recorded=True)

    def settle(self, run_id: str = "manual__1", trigger: str = "manual", environ: Any = None, **form: Any) -> Any:
        """A run as `make run` starts it."""
        return super().settle(run_id, trigger, {"NIGHTSHIFT_RECORDED_URL": self.base_url}, **form)


@contextmanager
def serving(answers: dict[str, Recorded], sleep: Callable[[float], Any]) -> Iterator[str]:
    """The server for as long as the block lasts; gives its base URL."""
    with RecordedServer(0, answers, sleep) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


@contextmanager
def recordings(folder: Path) -> Iterator[Recordings]:
    """Both pipelines' answers, given without a wait."""
    write(folder / "recorded", "app_store_reviews", REVIEWS, REVIEW_ANSWERS)
    write(folder / "recorded", "call_transcripts", CALLS, CALL_ANSWERS)
    waits = list[float]()
    with serving(load_answers(folder / "recorded"), waits.append) as base_url:
        yield Recordings(folder, base_url, "app_store_reviews", waits=waits)


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[Recordings]:
    with recordings(tmp_path) as found:
        yield found


@dataclass
class Played:
    """A run over the recorded reviews and one that nobody has written an answer to."""

    by: Recordings
    run: RunContext
    row: dict[str, Any]
    subject: str


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    with recordings(tmp_path_factory.mktemp("played")) as by, mail_server() as mailbox:
        by.write_source([*REVIEWS, review("r4", "Nobody has written an answer to this.")])
        run = by.settle()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(mailbox.connection()))
            row = by.go(run)
        (subject,) = mailbox.subjects("App store reviews")
        yield Played(by, run, row, subject)


def test_texts_get_their_own_answers_and_an_unknown_one_is_put_aside_alone(played: Played) -> None:
    recorded, row = played.by, played.row
    assert (row["published"], row["quarantined"], row["cost_usd"]) == (3, 1, 0.0)
    assert row["rate_limited"] == 1
    results = recorded.table("results").set_index("record_id")
    assert results["attempts"].to_dict() == {"r1": 1, "r2": 1, "r3": 2}
    assert [results["feedback"]["r1"][0][name] for name in ("quote", "topic")] == [
        "It closes by itself; write to <EMAIL_1> please.",
        "crashes",
    ]
    assert (results["prompt_tokens"] > 100).all() and (results["completion_tokens"] > 30).all()
    (aside,) = recorded.table("quarantine").to_dict("records")
    assert (aside["record_id"], aside["error_type"]) == ("r4", "invalid_request")
    assert "nothing recorded for this text and prompt; set a model" in aside["error_message"]
    assert all(way in aside["error_message"] for way in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "MODEL=bundled"))


def test_every_place_that_shows_an_answer_says_that_no_model_was_asked(played: Played) -> None:
    assert RECORDED == "recorded answers, written by hand for this project; no model was asked"
    sentence = f"R{RECORDED[1:]}"
    report = played.by.report()
    assert re.findall('<div class="banner mark">(.*?)</div>', report) == [sentence]
    title, *_ = re.findall("<title>(.*?)</title>", report)
    assert title == played.subject
    for line in (played.subject, slack_text(Headline(played.subject, [])), runs_page(played.by.lake)):
        assert "Recorded answers" in line
    dag_run = SimpleNamespace(run_id=played.run.run_id, state="running", start_date=None)
    running = run_page(view_of(played.by.lake, dag_run, played.run, []))
    assert "running in extract" in running and sentence in running
    table = summary_table(played.by.lake, [("Week 1", "app_store_reviews", played.run.run_key)])
    assert f"{RECORDED_MODEL}: {RECORDED}" in table
    words = closing_words(played.by.lake, Choice(["app_store_reviews"], "recorded", {}))
    assert "App store reviews by topic and week (recorded answers)" in words
    for name in ("results", "current", "quarantine", "runs"):
        assert set(played.by.table(name)["model"]) == {RECORDED_MODEL}, name


@pytest.mark.slow
def test_a_first_reply_comes_once_a_text_and_each_answer_takes_its_time(recorded: Recordings) -> None:
    recorded.write_source(REVIEWS)
    recorded.run()
    waits = set(recorded.waits)
    assert len(waits) == 4 and all(0.5 <= seconds <= 1.5 for seconds in waits)
    again = recorded.run("manual__2", reprocess="all")
    assert (again["published"], again["rate_limited"], again["retries"]) == (3, 0, 0)
    assert set(recorded.table("current")["attempts"]) == {1}
    assert set(recorded.waits) == waits


def test_a_long_call_gets_its_notes_and_then_its_answer(recorded: Recordings) -> None:
    deployment = replace(recorded, pipeline_name="call_transcripts")
    deployment.write_source(CALLS)
    row = deployment.run()
    assert (row["published"], row["quarantined"], row["requests"]) == (1, 0, 4)
    assert deployment.table("current")["reason"].tolist() == [CALL["reason"]]


def first_question(endpoint: Endpoint, model: str = RECORDED_MODEL, prompt: Prompt | None = None) -> None:
    """Ask what a run asks first, with another prompt if one is given."""
    pipeline = load_pipeline("app_store_reviews")
    own = replace(endpoint, is_recorded=model == RECORDED_MODEL)
    question = build_chain(pipeline, own, model, pipeline.prompt_version).question
    asyncio.run(check_endpoint(endpoint, replace(question, prompt=prompt or question.prompt)))


@pytest.mark.parametrize("edited", ["system", "examples"])
def test_an_edited_prompt_stops_everybody(recorded: Recordings, edited: str) -> None:
    pipeline = recorded.pipeline
    prompt = build_chain(pipeline, recorded.endpoint, RECORDED_MODEL, pipeline.prompt_version).question.prompt
    first_question(recorded.endpoint)
    other = {"system": f"{prompt.system} Be brief.", "examples": prompt.examples[1:]}[edited]
    with pytest.raises(
        EndpointUnusable, match="nothing recorded for this text and prompt; set a model: OPENAI_API_KEY"
    ):
        first_question(recorded.endpoint, prompt=replace(prompt, **{edited: other}))


def test_no_other_model_is_answered_for(recorded: Recordings) -> None:
    with pytest.raises(EndpointUnusable, match=f"under the name {RECORDED_MODEL} alone; set a model"):
        first_question(recorded.endpoint, "gpt-6-luna")


@pytest.mark.parametrize("sent", [b"", b"[]", b"{", b'{"model": "recorded-answers"}'])
def test_what_is_no_chat_request_is_refused(recorded: Recordings, sent: bytes) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        DIRECT.open(urllib.request.Request(f"{recorded.base_url}/chat/completions", sent))
    assert caught.value.code in (400, 404)


@pytest.mark.parametrize(
    ("pipeline", "changed", "said"),
    [
        ("app_store_reviews", {"id": "r9"}, "r9"),
        ("app_store_reviews", {"week": 2}, "week-2"),
        ("app_store_reviews", {"answer": {**ANSWER, "sentiment": "angry"}}, "sentiment"),
        ("app_store_reviews", {"answer": {**ANSWER, "feedback": [{"quote": 3, **POINT}]}}, "sentence 3"),
        ("app_store_reviews", {"first_reply": "sometimes"}, "first_reply"),
        ("call_transcripts", {"notes": [NOTES]}, "2 parts are read one by one, and there are 1 notes"),
        ("call_transcripts", {"notes": [NOTES, {}]}, "notes"),
    ],
)
def test_an_answer_that_belongs_to_no_text_is_named(
    tmp_path: Path, pipeline: str, changed: dict[str, Any], said: str
) -> None:
    texts, answers = (CALLS, CALL_ANSWERS) if pipeline == "call_transcripts" else (REVIEWS[:1], REVIEW_ANSWERS[:1])
    write(tmp_path, pipeline, texts, [{**answers[0], **changed}])
    with pytest.raises(ConfigurationError, match=f"answers.jsonl, line 1: .*{said}"):
        load_answers(tmp_path)


def test_one_text_with_two_answers_is_named(tmp_path: Path) -> None:
    other = {**REVIEW_ANSWERS[0], "id": "r9", "answer": {**ANSWER, "language": "de"}}
    write(tmp_path, "app_store_reviews", [REVIEWS[0], {**REVIEWS[0], "id": "r9"}], [REVIEW_ANSWERS[0], other])
    with pytest.raises(ConfigurationError, match=r"line 2: .*another answer already"):
        load_answers(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(path.name for path in WEEKS.iterdir()))
def test_in_a_run_every_text_of_the_weeks_gets_its_answer_or_cannot_be_read(tmp_path: Path, name: str) -> None:
    lines = [line for week in sorted((WEEKS / name).glob("week-*.jsonl")) for line in week.read_bytes().splitlines()]
    answers = (WEEKS / name / "answers.jsonl").read_bytes().splitlines()
    with serving(load_answers(), list[float]().append) as base_url:
        played = Recordings(tmp_path, base_url, name)
        played.write_source(lines)
        played.run()
    assert set(played.table("current")["record_id"]) == {json.loads(line)["id"] for line in answers}
    aside = played.table("quarantine")
    assert aside.empty or set(aside["stage"]) == {"extract"}


@pytest.mark.slow
def test_it_starts_as_a_child_with_all_that_is_recorded_and_ends_with_it(tmp_path: Path) -> None:
    with Children(tmp_path) as children:
        base_url = start_server(children, "recorded", free_port(RECORDED_PORT))
        with DIRECT.open(f"{base_url}/models") as response:
            assert [model["id"] for model in json.load(response)["data"]] == [RECORDED_MODEL]
    with pytest.raises(urllib.error.URLError):
        DIRECT.open(f"{base_url}/models")
    assert "Traceback" not in children.log_path("recorded").read_text()
