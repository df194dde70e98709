"""What a stage writes the next one reads, also when an older Nightshift wrote it."""

import json
from pathlib import Path
from typing import Any

import pytest

from include.errors import StopRun
from include.lake.effort import NO_EFFORT, Effort, Usage
from include.llm.prices import Price
from include.llm.prompt import Example, Prompt
from include.llm.providers.dialect import Dialect
from include.pipelines.planned_chain import PlannedChain, PlannedQuestion
from include.quality.expectation_result import ExpectationResult
from include.quality.measures import Measure, share_measure
from include.stages.manifests import Before, Extracted, Inferred, Planned, Replaced, Stopped, Validated
from include.stages.work_files import Manifest, WorkFiles
from tests.stages.running import Deployment

TIERS = {"flex": Price(0.5, 0.1, 1.0, "today")}
PRICE = Price(1.0, 0.5, 2.0, "today", longer=((200_000, Price(2.0, 1.0, 4.0, "today")),), tiers=TIERS)
EFFORT = Effort(Usage(10, 1, 5, 2, 3), 0.5, attempts=2, latency_ms=70, requests=4, retries=1, rate_limited=6)
UNKNOWN = Effort(Usage(10), None)
RESULT = ExpectationResult("records", "nobody is sad", "warning", success=True, unexpected_count=0, observed=None)
CHAIN_JSON = {
    "question": {
        "identity": "q", "model": "m", "schema": {"type": "object"}, "quotes": [["a", "b"]], "max_output_tokens": 9,
        "dialect": {
            "cap_name": "max_tokens", "temperature": True, "without": [], "effort": None,
            "thinking_tokens": 0, "strict": True, "refused": ["effort"],
            "structure": "json_schema", "body": {}, "fixed": [],
        },
        "prompt": {
            "version": "v1", "system": "Read.", "examples": [["Fine.", "{}", ""]], "numbered": False,
            "attribute_lines": ["title: {title}"],
        },
    },
    "notes": None, "chunk_characters": 0, "base_url": "http://x/v1", "is_demo": False, "is_recorded": False,
    "has_key": True,
}  # fmt: skip
CHAIN = PlannedChain(
    question=PlannedQuestion(
        identity="q",
        dialect=Dialect(refused=("effort",)),
        model="m",
        prompt=Prompt("v1", "Read.", (Example("Fine.", "{}"),), numbered=False, attribute_lines=("title: {title}",)),
        schema={"type": "object"},
        quotes=[("a", "b")],
        max_output_tokens=9,
    ),
    notes=None,
    chunk_characters=0,
    base_url="http://x/v1",
)
PLANNED = Planned(
    estimated=UNKNOWN,
    price=PRICE,
    expected_output_tokens=70,
    skipped={"over_limit": 2},
    asked=3,
    shards=1,
    before=Before(requests=3, estimated_cost_usd=None),
    planned=CHAIN,
    has_other_answers=True,
    budget_key="k",
)
VALIDATED = Validated(
    accepted=3,
    quarantined={"infer": 1},
    skipped={"over_budget": 1},
    calls=EFFORT,
    dialect="max_tokens",
    service_tiers={"default": 2},
    unusable=[EFFORT, UNKNOWN],
    validation_success=True,
    expectations=[RESULT],
    data_docs=["records"],
    measures=[share_measure("category", "billing", 1, 2), Measure("cost", "cost_usd")],
)
# As the version before wrote them, without what some of its runs did not have.
TOKENS = {"prompt_tokens": 10, "cached_tokens": 1, "completion_tokens": 5}
OLDER: list[tuple[str, dict[str, Any], Manifest]] = [
    ("extract", {"extracted": 3, "unreadable": 1, "skipped": {}}, Extracted(extracted=3, unreadable=1)),
    ("infer-0007", {"over_budget": True}, Inferred(over_budget=True)),
    (
        "infer-0007",
        {"over_budget": False, "unusable": {**TOKENS, "requests": 2, "retries": 0, "rate_limited": 0, "cost_usd": 0.1}},
        Inferred(over_budget=False, unusable=Effort(Usage(10, 1, 5), 0.1, requests=2)),
    ),
    (
        "validate",
        {
            "accepted": 3, "quarantined": {}, "skipped": {}, "validation_success": True, "data_docs": [],
            "calls": {"requests": 4, "retries": 1, "rate_limited": 0}, "expectations": [vars(RESULT)],
        },
        Validated(
            accepted=3, quarantined={}, skipped={}, calls=Effort(requests=4, retries=1), validation_success=True,
            expectations=[RESULT], data_docs=[],
        ),
    ),
    ("stopped", {"leaves": "fuse"}, Stopped(leaves="fuse")),
]  # fmt: skip


@pytest.fixture
def work(tmp_path: Path) -> WorkFiles:
    """Of a run."""
    deployment = Deployment(tmp_path, "http://127.0.0.1:1")
    return WorkFiles(deployment.lake, deployment.settle())


@pytest.mark.parametrize(
    "manifest",
    [
        Extracted(extracted=3, unreadable=1, skipped={"has_outcome": 1}, outside_window=0, redaction_version="r"),
        PLANNED,
        Inferred(over_budget=True, unusable=UNKNOWN),
        VALIDATED,
        Replaced(run_ids=["a", "b"]),
        Stopped(leaves="fuse", times_blown=2),
    ],
)
def test_what_was_written_is_read_back(manifest: Manifest, work: WorkFiles) -> None:
    work.write(manifest, 7)
    assert work.read(type(manifest), 7) == manifest
    if manifest is PLANNED:
        assert json.loads(Path(work.path("plan.json")).read_bytes())["planned"] == CHAIN_JSON


@pytest.mark.parametrize(("name", "document", "manifest"), OLDER)
def test_what_the_version_before_wrote_is_read(
    name: str, document: dict[str, Any], manifest: Manifest, work: WorkFiles
) -> None:
    path = Path(work.path(f"{name}.json"))
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(document))
    assert work.read(type(manifest), 7) == manifest


@pytest.mark.parametrize(("kept", "without"), [(True, ()), (False, ("minLength", "maxLength"))])
def test_a_plan_of_the_version_before_keeps_its_dialect(work: WorkFiles, kept: bool, without: tuple[str, ...]) -> None:
    work.write(PLANNED)
    path = Path(work.path("plan.json"))
    document = json.loads(path.read_bytes())
    document["planned"]["question"]["dialect"] = {
        "cap_name": "max_tokens", "temperature": True, "length_keywords": kept, "effort": None,
        "thinking_tokens": 0, "strict": True, "refused": [],
    }  # fmt: skip
    path.write_text(json.dumps(document))
    assert work.read(Planned).planned.question.dialect == Dialect(without=without)


def test_a_plan_of_another_format_is_no_plan(work: WorkFiles) -> None:
    work.write(PLANNED)
    path = Path(work.path("plan.json"))
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "format": 2}))
    with pytest.raises(StopRun, match=r"planned by an older Nightshift\. Clear it from `plan` on"):
        work.read(Planned)


def test_what_is_not_there_has_a_default_or_stops_the_run(work: WorkFiles) -> None:
    assert work.stopped() == Stopped() and work.read(Extracted, default=Extracted()).skipped == {}
    assert Inferred(over_budget=False).unusable == NO_EFFORT
    with pytest.raises(StopRun, match="has no files to work on"):
        work.read(Validated)
