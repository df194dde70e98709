"""What a run cost, on which terms, and why records were left: column by column, and in lakes of the version before."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest

from include.errors import EndpointUnusable, RetryLater
from include.lake.paths import manual_run_key
from include.lake.read import read_table
from include.lake.schemas import QUARANTINE_SCHEMA, RUNS_SCHEMA
from include.lake.write import write_table
from include.local.summary import summary_table
from include.report.runs_page import runs_page
from include.stages.extract import extract_records
from include.stages.failure import record_failure
from include.stages.infer import infer_shard
from include.stages.plan import plan_run
from include.stages.work_files import WorkFiles
from tests.servers.provider import Answer, Provider
from tests.stages.running import Deployment, tickets
from tests.stages.test_whole_run import VALID

NEW_COLUMNS = {
    "raw": {"redaction_version"},
    "results": {"mode", "service_tier", "endpoint", "dialect", "reasoning_tokens", "cache_write_tokens"},
    "runs": {
        "purpose", "requested_mode", "skipped_by_reason", "outside_window", "service_tier_counts", "reasoning_tokens",
        "cache_write_tokens", "unusable_cost_usd", "endpoint", "dialect", "redaction_version", "reason",
    },
}  # fmt: skip
NEW_COLUMNS["current"] = NEW_COLUMNS["results"]
NEW_COLUMNS["quarantine"] = NEW_COLUMNS["results"] | {"cached_tokens"}


def completion(content: Any = VALID, **parts: Any) -> Answer:
    """A chat completion of 1,000 prompt tokens (400 cached, 500 written) and 50 of answer, 30 of them thought."""
    choice = {"index": 0, "message": {"role": "assistant", "content": json.dumps(content)}, "finish_reason": "stop"}
    usage = {
        "prompt_tokens": 1000,
        "prompt_tokens_details": {"cached_tokens": 400, "cache_write_tokens": 500},
        "completion_tokens": 50,
        "completion_tokens_details": {"reasoning_tokens": 30},
    }
    return Answer(body={"object": "chat.completion", "choices": [choice], "usage": usage, **parts})


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider(lambda _: completion(service_tier="default")) as server:
        yield server


@pytest.fixture
def deployment(tmp_path: Path, provider: Provider) -> Deployment:
    made = Deployment(tmp_path, f"{provider.base_url}/v1")
    made.write_source(tickets(4))
    return made


def about(order: int) -> Any:
    """Requests about one ticket."""
    return lambda asked: f"Order {order} ".encode() in asked.body


def as_before(deployment: Deployment) -> None:
    """Make the lake one of the version before, which did not have the new columns."""
    lake = deployment.lake
    for table, columns in NEW_COLUMNS.items():
        for path in lake.files(table, "support_tickets"):
            rows = read_table(lake, path)
            write_table(lake, path, rows.drop_columns([name for name in rows.column_names if name in columns]))


def test_rows_say_on_which_terms_they_were_answered_and_add_up_to_the_run(
    deployment: Deployment, provider: Provider
) -> None:
    provider.fail(completion({"not": "the schema"}), 3, about(3))
    row = deployment.run()
    results, quarantine = deployment.table("results"), deployment.table("quarantine")
    address = provider.base_url.removeprefix("http://")
    for rows in (results, quarantine, deployment.table("current")):
        assert set(rows["mode"]) == {"online"} and set(rows["endpoint"]) == {address}
        assert set(rows["dialect"]) == {row["dialect"]} and "max_tokens" in row["dialect"]
    assert set(results["service_tier"]) == {"default"} and quarantine["service_tier"].isna().all()
    assert dict(row["service_tier_counts"]) == {"default": 3}
    for name, each in (("cached_tokens", 400), ("cache_write_tokens", 500), ("reasoning_tokens", 30)):
        assert results[name].eq(each).all() and quarantine[name].eq(3 * each).all()
        assert row[name] == 6 * each
    assert (row["purpose"], row["endpoint"], row["requested_mode"]) == ("night", address, "online")
    of_rows = results["cost_usd"].sum() + quarantine["cost_usd"].sum()
    # The first question is paid for, and no record's.
    assert row["unusable_cost_usd"] == pytest.approx(results["cost_usd"].iloc[0]) and row["unusable_cost_usd"] > 0
    assert row["cost_usd"] == pytest.approx(of_rows + row["unusable_cost_usd"])
    (version,) = set(deployment.table("raw")["redaction_version"])
    assert row["redaction_version"] == version and len(version) == 12


def test_a_reused_answer_keeps_its_terms_and_is_billed_no_more(deployment: Deployment) -> None:
    deployment.run()
    twins = [{**ticket, "id": f"twin-{ticket['id']}"} for ticket in tickets(4)]
    deployment.write_source(twins)
    row = deployment.run("manual__2")
    rows = deployment.table("results").query("run_id == 'manual__2'")
    assert len(rows) == row["reused"] == 4
    assert rows["service_tier"].eq("default").all() and rows["endpoint"].notna().all()
    assert rows[["reasoning_tokens", "cache_write_tokens", "cost_usd"]].to_numpy().sum() == 0
    assert dict(row["service_tier_counts"]) == {}


@pytest.mark.parametrize("purpose", ["night", "trial", "dry_run"])
def test_a_run_says_what_it_was_for(deployment: Deployment, purpose: str) -> None:
    form = {"night": {}, "trial": {"prompt_version": "v2"}, "dry_run": {"dry_run": True}}[purpose]
    assert deployment.run(**form)["purpose"] == purpose


def test_every_record_that_is_left_has_its_reason(deployment: Deployment) -> None:
    assert dict(deployment.run(limit=1)["skipped_by_reason"]) == {"over_limit": 3}
    assert dict(deployment.run("manual__2", dry_run=True)["skipped_by_reason"]) == {"has_outcome": 1, "dry_run": 3}
    deployment.write_source([*tickets(4), {**tickets(1)[0], "text": "Edited", "updated_at": "2026-11-22T00:00:00Z"}])
    row = deployment.run("manual__3", limit=1)
    assert sum(dict(row["skipped_by_reason"]).values()) == row["skipped"]
    assert set(dict(row["skipped_by_reason"])) == {"has_outcome", "over_limit"}


def answered_in_part(deployment: Deployment, provider: Provider) -> Any:
    """A run in which the third ticket is paid for, then refused as all are: an answer that is no use, and a 401."""
    run = deployment.settle()
    extract_records(deployment.lake, deployment.pipeline, run, deployment.environ)
    (shard,) = asyncio.run(plan_run(deployment.lake, deployment.pipeline, run, deployment.endpoint))
    provider.fail(completion({"not": "the schema"}), 1, about(2))
    provider.fail(Answer(401, {"error": {"message": "gone", "code": "invalid_api_key"}}), 1, about(2))
    with pytest.raises((EndpointUnusable, RetryLater)):
        asyncio.run(infer_shard(deployment.lake, deployment.pipeline, run, deployment.endpoint, shard))
    return run


def test_what_was_paid_and_ended_in_no_row_is_in_the_runs_cost(deployment: Deployment, provider: Provider) -> None:
    run = answered_in_part(deployment, provider)
    asyncio.run(infer_shard(deployment.lake, deployment.pipeline, run, deployment.endpoint, 0))
    row = deployment.finish(run)
    assert row["published"] == 4
    each = deployment.table("results")["cost_usd"].iloc[0]
    # The first question, and the answer that was no use.
    assert row["unusable_cost_usd"] == pytest.approx(2 * each) and each > 0
    assert row["cost_usd"] == pytest.approx(6 * each)
    # Four answers, one that was no use, and one question whether the endpoint is there.
    assert row["requests"] >= 6
    assert row["prompt_tokens"] == 5 * 1000


def test_a_failed_run_counts_what_it_answered_and_what_it_did_not(deployment: Deployment, provider: Provider) -> None:
    run = answered_in_part(deployment, provider)
    record_failure(deployment.lake, run)
    row = deployment.row(run)
    reasons = dict(row["skipped_by_reason"])
    assert set(reasons) == {"answered_unpublished", "provider_stopped"} and sum(reasons.values()) == row["skipped"] == 4
    assert row["cost_usd"] == row["unusable_cost_usd"] > 0
    assert row["purpose"] == "night" and row["endpoint"]


def test_a_lake_of_the_version_before_is_read_as_if_the_columns_were_null(
    deployment: Deployment, provider: Provider
) -> None:
    provider.fail(completion({"not": "the schema"}), 3, about(3))
    first = deployment.run()
    as_before(deployment)
    asked = len(provider.asked)
    # The same run again, a run that reuses its answers, and a night beside them.
    again = deployment.run()
    assert len(provider.asked) == asked
    for name in ("requests", "published", "quarantined"):
        assert again[name] == first[name]
    assert again["cost_usd"] == pytest.approx(first["cost_usd"] - first["unusable_cost_usd"])
    as_before(deployment)
    deployment.write_source([*tickets(6), {**tickets(1)[0], "id": "twin"}])
    row = deployment.run("manual__2")
    assert (row["published"], row["reused"]) == (3, 1)
    current = deployment.table("current").set_index("record_id")
    assert current["mode"].isna().sum() == 4 and current.loc["T-0005", "mode"] == "online"
    lake = deployment.lake
    summary = summary_table(lake, [("tickets", "support_tickets", manual_run_key("manual__2"))])
    assert "manual__2" in runs_page(lake) and "success" in summary
    written = {table: set(deployment.table(table).columns) for table in NEW_COLUMNS}
    assert all(columns <= written[table] for table, columns in NEW_COLUMNS.items())


def test_a_ledger_of_the_version_before_goes_on(deployment: Deployment, provider: Provider) -> None:
    run = answered_in_part(deployment, provider)
    work = WorkFiles(deployment.lake, run)
    for path in Path(work.shard_ledger(0)).glob("*.jsonl"):
        lines = [json.loads(line) for line in path.read_bytes().splitlines()]
        for line in lines:
            del line["service"], line["is_unusable"], line["usage"]["reasoning_tokens"]
            del line["usage"]["cache_write_tokens"]
        answered = [line for line in lines if line["answer"] is not None]
        path.write_bytes(b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in answered))
    asyncio.run(infer_shard(deployment.lake, deployment.pipeline, run, deployment.endpoint, 0))
    row = deployment.finish(run)
    assert row["published"] == 4 and row["prompt_tokens"] == 4000
    assert 0 < deployment.table("results")["mode"].isna().sum() < 4


def test_the_columns_of_the_contract_are_there() -> None:
    assert NEW_COLUMNS["runs"] <= set(RUNS_SCHEMA.names)
    assert NEW_COLUMNS["quarantine"] <= set(QUARANTINE_SCHEMA.names)
    assert RUNS_SCHEMA.field("skipped_by_reason").type == pa.map_(pa.string(), pa.int64())
