"""A deploy in the middle of a run changes nothing in it."""

import asyncio
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import Field, create_model

from include.answer.structured_output import StrictAnswer
from include.errors import StopRun
from include.llm.endpoint import RECORDED_MODEL, Endpoint
from include.pipelines.chain import build_chain, prompt_hash
from include.pipelines.definition import Chunking, Pipeline
from include.pipelines.planned_chain import planned_endpoint, write_down
from include.pipelines.registry import load_pipeline
from include.stages.extract import extract_records
from include.stages.infer import infer_shard
from include.stages.plan import plan_run
from include.stages.publish import publish_run
from include.stages.run_context import RunContext
from include.stages.validate import validate_run
from tests.fault_server.plan import Plan
from tests.fault_server.running import FaultServer
from tests.stages.running import Deployment, tickets

TICKETS = load_pipeline("support_tickets")
CALLS = load_pipeline("call_transcripts")
RUDE = "You are a rude robot."

Deploy = Callable[[Pipeline, Path], Pipeline]


@pytest.fixture
def deployment(tmp_path: Path, fault_server: FaultServer) -> Deployment:
    """Four tickets, and a server that remembers what it was sent."""
    fault_server.set_plan(Plan(keep_bodies=True))
    made = Deployment(tmp_path, fault_server.base_url)
    made.write_source(tickets(4))
    return made


def edited_prompt(pipeline: Pipeline, folder: Path) -> Pipeline:
    """The same pipeline with another text in each of its prompt files."""
    shutil.copytree(pipeline.folder, folder / "deployed", dirs_exist_ok=True)
    for path in (folder / "deployed" / "prompts").glob("*.md"):
        path.write_text(f"{RUDE}\n\n{path.read_text()}")
    edited = replace(pipeline)
    object.__setattr__(edited, "folder", folder / "deployed")
    return edited


def removed_prompt(pipeline: Pipeline, folder: Path) -> Pipeline:
    """The same pipeline without its prompt files."""
    (folder / "empty" / "prompts").mkdir(parents=True)
    edited = replace(pipeline)
    object.__setattr__(edited, "folder", folder / "empty")
    return edited


def with_answer(**fields: Any) -> Deploy:
    """The same pipeline with other fields in its answer; None: without that field."""
    before = TICKETS.answer.model_fields
    kept = {name: (info.annotation, info) for name, info in before.items() if fields.get(name, ...) is not None}
    # A quote is known by what its annotation says.
    kept |= {name: (TICKETS.answer.__annotations__[name], info) for name, (_, info) in kept.items()}
    added = {name: field for name, field in fields.items() if field is not None}
    model = create_model("Answer", __base__=StrictAnswer, **(kept | added))
    # Who takes a field away takes it out of the report too.
    gone = {name: None for name in ("request",) if name not in model.model_fields}
    return lambda pipeline, _: replace(pipeline, answer=model, report_fields=replace(pipeline.report_fields, **gone))


def start(deployment: Deployment, pipeline: Pipeline, run: RunContext) -> list[int]:
    extract_records(deployment.lake, pipeline, run, deployment.environ)
    return asyncio.run(plan_run(deployment.lake, pipeline, run, deployment.endpoint))


def answer(deployment: Deployment, pipeline: Pipeline, run: RunContext, endpoint: Endpoint | None = None) -> None:
    asyncio.run(infer_shard(deployment.lake, pipeline, run, endpoint or deployment.endpoint, 0))


def finish(deployment: Deployment, pipeline: Pipeline, run: RunContext) -> None:
    validate_run(deployment.lake, pipeline, run, deployment.endpoint)
    publish_run(deployment.lake, pipeline, run)


def questions_sent(server: FaultServer) -> list[dict[str, Any]]:
    """Bodies about a record, in the order in which they came, without the first one, which `plan` makes up."""
    bodies = [json.loads(entry.body or "{}") for entry in server.log().requests]
    return [body for body in bodies if "<record" in str(body.get("messages"))][1:]


@pytest.mark.parametrize(
    "deploy",
    [
        pytest.param(edited_prompt, id="prompt edited"),
        pytest.param(removed_prompt, id="prompt removed"),
        pytest.param(lambda pipeline, _: replace(pipeline, max_output_tokens=77), id="cap"),
        pytest.param(
            lambda pipeline, _: replace(pipeline, model="another-model", prompt_version="v2", requests_per_minute=1),
            id="model, version and limits",
        ),
        pytest.param(with_answer(problem=(str, Field(min_length=1, max_length=240))), id="description"),
        pytest.param(with_answer(request=(str, Field(max_length=500))), id="longer text"),
        pytest.param(with_answer(escalation_risk=(Literal["low", "medium", "high", "x"], ...)), id="one label more"),
    ],
)
def test_a_deploy_in_mid_run_changes_neither_what_is_sent_nor_what_is_said_of_it(
    deployment: Deployment, fault_server: FaultServer, tmp_path: Path, deploy: Deploy
) -> None:
    planned = build_chain(TICKETS, deployment.endpoint, TICKETS.model, TICKETS.prompt_version)
    run = deployment.settle()
    start(deployment, TICKETS, run)
    deployed = deploy(TICKETS, tmp_path)
    answer(deployment, deployed, run)
    finish(deployment, deployed, run)
    texts = {each["id"]: planned.about(each["text"], each) for each in tickets(4)}
    prepared = [planned.question.prepare(text.text, text.above) for text in texts.values()]
    expected = [json.loads(planned.question.body(each)) for each in prepared]
    sent = questions_sent(fault_server)
    assert sorted(map(json.dumps, sent)) == sorted(map(json.dumps, expected))
    rows = deployment.table("results")
    assert [texts[record_id].key for record_id in rows["record_id"]] == rows["answer_key"].tolist()
    assert set(rows["prompt_hash"]) == {prompt_hash(planned)}


@pytest.mark.parametrize(
    "deploy",
    [
        pytest.param(with_answer(channel_hint=(str, Field(max_length=40))), id="field added"),
        pytest.param(with_answer(request=None), id="field removed"),
        pytest.param(with_answer(request=(int, ...)), id="type"),
        pytest.param(with_answer(request=(str, Field(max_length=20))), id="shorter text"),
        pytest.param(with_answer(priority=(Literal["low", "high"], ...)), id="fewer labels"),
        pytest.param(with_answer(escalation_quote=(str | None, ...)), id="quote becomes text"),
    ],
)
@pytest.mark.parametrize("stage", ["infer", "validate"])
def test_a_run_whose_answers_do_not_fit_any_more_stops_and_says_what_to_clear(
    deployment: Deployment, fault_server: FaultServer, tmp_path: Path, deploy: Deploy, stage: str
) -> None:
    run = deployment.settle()
    start(deployment, TICKETS, run)
    deployed = deploy(TICKETS, tmp_path)
    if stage == "validate":
        answer(deployment, TICKETS, run)
    asked = len(questions_sent(fault_server))
    with pytest.raises(StopRun, match=r"output\.py has changed.*[Cc]lear the run from `plan` on"):
        (answer if stage == "infer" else finish)(deployment, deployed, run)
    assert len(questions_sent(fault_server)) == asked
    assert deployment.table("results").empty


def test_notes_are_asked_for_as_they_were_planned(tmp_path: Path, fault_server: FaultServer) -> None:
    fault_server.set_plan(Plan(keep_bodies=True))
    deployment = Deployment(tmp_path, fault_server.base_url, "call_transcripts")
    assert CALLS.chunking is not None
    line = "customer: My parcel has not arrived, and nobody answers the telephone.\n"
    deployment.write_source([{"id": "C-1", "text": line * (2 * CALLS.chunking.chunk_characters // len(line))}])
    run = deployment.settle()
    start(deployment, CALLS, run)
    longer = Chunking(CALLS.chunking.notes, 100_000, 10)
    answer(deployment, replace(edited_prompt(CALLS, tmp_path), chunking=longer), run)
    sent = questions_sent(fault_server)
    assert len(sent) >= 3
    assert not any(RUDE in body["messages"][0]["content"] for body in sent)
    with pytest.raises(StopRun, match="chunking"):
        finish(deployment, replace(CALLS, chunking=None), run)
    finish(deployment, CALLS, run)
    planned = build_chain(CALLS, deployment.endpoint, CALLS.model, "v1")
    rows = deployment.table("results")
    assert [planned.key(text) for text in rows["text"]] == rows["answer_key"].tolist()


def test_what_was_answered_under_the_old_prompt_is_reused_under_it_alone(
    deployment: Deployment, fault_server: FaultServer, tmp_path: Path
) -> None:
    run = deployment.settle()
    start(deployment, TICKETS, run)
    answer(deployment, edited_prompt(TICKETS, tmp_path), run)
    finish(deployment, TICKETS, run)
    again = deployment.settle("manual__again", reprocess="older_prompt", prompt_version=TICKETS.prompt_version)
    deployment.write_source([{**ticket, "id": f"N{ticket['id']}"} for ticket in tickets(4)])
    assert start(deployment, TICKETS, again) == []
    edited = deployment.settle("manual__edited")
    assert start(deployment, edited_prompt(TICKETS, tmp_path), edited) == [0]


def test_a_run_that_is_planned_anew_keeps_and_counts_what_it_paid_for_before(
    deployment: Deployment, fault_server: FaultServer, tmp_path: Path
) -> None:
    run = deployment.settle()
    start(deployment, TICKETS, run)
    answer(deployment, TICKETS, run)
    edited = edited_prompt(TICKETS, tmp_path)
    # Cleared from `plan` on, twice: the second time nothing has changed.
    for _ in range(2):
        asyncio.run(plan_run(deployment.lake, edited, run, deployment.endpoint))
    answer(deployment, edited, run)
    finish(deployment, edited, run)
    row = deployment.row(run)
    rows = deployment.table("results")
    chain = build_chain(edited, deployment.endpoint, run.model, edited.prompt_version)
    assert set(rows["prompt_hash"]) == {prompt_hash(chain)}
    assert row["unusable_cost_usd"] > 0
    assert row["cost_usd"] == pytest.approx(rows["cost_usd"].sum() + row["unusable_cost_usd"])
    deployment.write_source([{**ticket, "id": f"N{ticket['id']}"} for ticket in tickets(4)])
    # The old prompt is back, and so are its answers.
    assert start(deployment, TICKETS, deployment.settle("manual__back")) == []


def test_the_key_goes_to_no_other_place_than_the_run_was_planned_for(
    deployment: Deployment, fault_server: FaultServer
) -> None:
    run = deployment.settle()
    start(deployment, TICKETS, run)
    with FaultServer() as other:
        moved = replace(deployment.endpoint, base_url=other.base_url)
        with pytest.raises(StopRun, match=rf"planned for {fault_server.base_url}.*{other.base_url}.*from `plan` on"):
            answer(deployment, TICKETS, run, moved)
        assert other.counters().requests == 0
    answer(deployment, TICKETS, run, replace(deployment.endpoint, base_url=fault_server.base_url + "/elsewhere"))
    assert len(questions_sent(fault_server)) == 4


@pytest.mark.parametrize("today", ["key", None])
def test_a_run_that_was_planned_without_a_key_goes_on_where_it_was_planned(today: str | None) -> None:
    keyless = Endpoint("https://models.intranet/v1", None, is_demo=False)
    planned = write_down(build_chain(TICKETS, keyless, TICKETS.model, TICKETS.prompt_version), keyless)
    own = {"X-Token": "only-for-openai"}
    elsewhere = Endpoint("https://api.openai.com/v1", today, is_demo=False, headers=own, query=own)
    assert planned_endpoint(planned, elsewhere) == keyless
    # A key that was added for the same place is used.
    assert planned_endpoint(planned, replace(keyless, api_key=today)).api_key == today


@pytest.mark.parametrize("sent", [{"headers": {"X-Token": "s"}}, {"query": {"token": "s"}}])
def test_a_header_or_a_query_is_as_good_as_a_key(sent: dict[str, Any]) -> None:
    keyed = Endpoint("https://models.intranet/v1", None, is_demo=False, **sent)
    planned = write_down(build_chain(TICKETS, keyed, TICKETS.model, TICKETS.prompt_version), keyed)
    assert planned_endpoint(planned, replace(keyed, base_url="https://models.intranet/v2")) == keyed
    with pytest.raises(StopRun, match="planned for https://models"):
        planned_endpoint(planned, Endpoint("https://api.openai.com/v1", "key", is_demo=False))


def test_a_run_that_was_planned_on_recorded_answers_is_replayed_nowhere_else() -> None:
    recorded = Endpoint("http://127.0.0.1:8189/v1", None, is_demo=False, is_recorded=True)
    planned = write_down(build_chain(TICKETS, recorded, RECORDED_MODEL, "v1"), recorded)
    moved = replace(recorded, base_url="http://127.0.0.1:8190/v1")
    assert planned_endpoint(planned, moved) == moved
    bundled = Endpoint("http://127.0.0.1:8089/v1", None, is_demo=True)
    for today in (
        Endpoint("https://api.openai.com/v1", "key", is_demo=False),
        bundled,
        replace(bundled, is_demo=False),
    ):
        with pytest.raises(StopRun, match="planned for http://127"):
            planned_endpoint(planned, today)
    keyless = Endpoint("https://models.intranet/v1", None, is_demo=False)
    planned = write_down(build_chain(TICKETS, keyless, TICKETS.model, TICKETS.prompt_version), keyless)
    assert planned_endpoint(planned, recorded) == keyless


def test_the_same_window_again_has_its_whole_budget(deployment: Deployment, own_store: None) -> None:
    def night(pipeline: Pipeline, **form: Any) -> dict[str, Any]:
        run = deployment.settle("backfill__x", "backfill", **form)
        for shard in start(deployment, pipeline, run):
            asyncio.run(infer_shard(deployment.lake, pipeline, run, deployment.endpoint, shard))
        finish(deployment, pipeline, run)
        return deployment.row(run)

    deployment.write_source([{**ticket, "created_at": "2026-11-22T12:00:00Z"} for ticket in tickets(12)])
    first = night(replace(TICKETS, shard_size=1))
    assert first["published"] == 12
    assert night(TICKETS, reprocess="all", limit=2, budget_usd=first["cost_usd"])["published"] == 2
