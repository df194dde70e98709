"""`make explain`: what the lake knows of one record, in words."""

import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from include.errors import ConfigurationError
from include.lake.paths import Lake, open_lake
from include.lake.raw_records import raw_schema
from include.lake.schemas import QUARANTINE_SCHEMA, RUNS_SCHEMA
from include.lake.write import write_table
from include.local.explain import explain, main
from include.stages.audit import AUDIT_SCHEMA
from include.themes.state import read_themes
from tests.fault_server.running import FaultServer
from tests.stages.running import Deployment
from tests.themes.nights import Nights

SCHEMAS = {"raw": raw_schema({}), "quarantine": QUARANTINE_SCHEMA, "runs": RUNS_SCHEMA, "audit": AUDIT_SCHEMA}
LINK = "https://desk.example.com/T-1"
LATE = "Order 1 is late. Write to jo@example.com."


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A ticket that is edited, one with its first text, one without any, and a trial of the edited one."""
    with FaultServer() as server:
        deployment = Deployment(tmp_path_factory.mktemp("explain"), server.base_url)
        first = {"id": "T-1", "text": LATE, "created_at": "2026-11-20T12:00:00Z", "source_url": LINK, "plan": "gold"}
        deployment.write_source([first, {**first, "id": "T-2", "text": " "}])
        deployment.run("manual__1")
        edited = {**first, "text": "It came. Thank you.", "updated_at": "2026-11-21T12:00:00Z"}
        deployment.write_source([edited, {**first, "id": "T-3"}])
        deployment.run("manual__2")
        deployment.run("manual__3", prompt_version="v1", reprocess="all", limit=1)
        yield deployment


@pytest.fixture
def lake(request: pytest.FixtureRequest) -> Lake:
    """An empty lake that is no disk."""
    return open_lake(f"memory://{request.node.name}/lake")


def write(lake: Lake, table: str, pipeline: str, run_key: str, columns: list[str] | None = None, **row: Any) -> None:
    """A file with one row, which may have some columns only."""
    schema = SCHEMAS[table]
    empty = {field.name: "" for field in schema if not field.nullable and field.type == pa.string()}
    moments = dict.fromkeys(("occurred_at", "changed_at", "processed_at"), datetime(2026, 11, 20, tzinfo=UTC))
    made = {**empty, "record_id": "T-1", "run_id": run_key, "run_key": run_key, "pipeline": pipeline, **moments, **row}
    rows = pa.Table.from_pylist([made], schema=schema).select(columns or schema.names)
    write_table(lake, lake.run_file(table, pipeline, date(2026, 11, 20), run_key), rows)


def said_of(lake: Lake, record_id: str) -> str:
    """What is said of a record that there is."""
    said, is_found = explain(lake, record_id)
    assert is_found
    return said


def test_of_an_edited_record_all_versions_answers_runs_costs_and_what_was_sent_are_told(deployment: Deployment) -> None:
    said = said_of(deployment.lake, "T-1")
    results = deployment.table("results")
    rows = results[results["record_id"] == "T-1"].sort_values("processed_at").to_dict("records")
    assert [row["run_id"] for row in rows] == ["manual__1", "manual__2", "manual__3"]
    old, new = rows[0]["record_version"], rows[1]["record_version"]
    assert f"Analysts read version {new}, as run manual__2 published it." in said
    assert LINK in said and "plan                 gold" in said
    assert f"Version {old}, pulled 1 time" in said and f"Version {new}, pulled 1 time" in said
    assert "  | Order 1 is late. Write to <EMAIL_1>.\n" in said and "jo@example.com" not in said
    assert "Taken out: EMAIL, by the rules" in said
    for row, purpose, prompt in zip(rows, ("night", "night", "trial"), ("v3", "v3", "v1"), strict=True):
        assert f"Published by run {row['run_id']} ({purpose}, success)" in said
        assert f"Prompt {prompt} on gpt-6-luna at 127.0.0.1:" in said
        assert f"1 asked, {row['prompt_tokens']} + {row['completion_tokens']} tokens" in said
        assert f"  problem              {row['problem']}\n" in said
    assert said.index("run manual__1 (night") < said.index("run manual__2 (night") < said.index("run manual__3 (trial")
    assert said.count("Sent to 127.0.0.1:") == 3
    assert "outcomes: 3, reused ones among them: 0" in said


def test_a_reused_answer_names_who_paid_for_it_and_a_quarantined_record_its_reason(deployment: Deployment) -> None:
    said = said_of(deployment.lake, "T-3")
    assert "Reused: paid for by run manual__1 about record T-1" in said and "Paid       0.00 USD; outcomes: 1" in said
    assert "No run has sent it to a provider." in said
    said = said_of(deployment.lake, "T-2")
    assert "Analysts do not read it" in said and "is in quarantine since" in said
    assert "Quarantined at extract by run manual__1 (night, success)" in said
    assert "empty_text: source.jsonl#L2: there is no text" in said and '  | {"id": "T-2"' in said


def test_the_command_prints_it_and_no_log_has_its_text(
    deployment: Deployment, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    environ = {"NIGHTSHIFT_LAKE": deployment.lake.root, "RECORD": "T-1", "PIPELINE": "support_tickets"}
    assert main(environ) == 0
    assert "Order 1 is late." in capsys.readouterr().out
    assert "Order 1 is late." not in caplog.text
    assert main({**environ, "RECORD": "T-17"}) == 1
    said = capsys.readouterr().out
    assert f"There is no record T-17 in the lake {deployment.lake.root}. Looked at:" in said
    assert "support_tickets: 3 files of raw, 3 files of results, 3 files of quarantine" in said
    assert "its ids look like T-1, T-3" in said
    assert main({**environ, "PIPELINE": "phone_calls"}) == 1
    assert "There is no pipeline 'phone_calls' in the lake" in capsys.readouterr().err
    assert main({"NIGHTSHIFT_LAKE": deployment.lake.root}) == 2
    assert "name a record" in capsys.readouterr().err


def test_a_record_that_waits_and_was_sent_by_a_run_that_failed_says_so(lake: Lake) -> None:
    write(lake, "raw", "x", "r1", record_version="1", text="It waits.")
    write(lake, "audit", "x", "r1", record_version="1", endpoint="api.example.com", characters=9, kinds_redacted=[])
    write(lake, "runs", "x", "r1", state="failed", reason="The key is refused.")
    said = said_of(lake, "T-1")
    assert "Version 1 has no outcome of a night: it waits, and the next run takes it up." in said
    assert "No run has published or quarantined it." in said
    assert "Sent to api.example.com by run r1 (failed: The key is refused.)" in said
    assert "no answer is known, it may have been sent" in said


def test_a_record_of_two_pipelines_is_told_of_both_and_what_only_a_trial_has_pulled_does_not_wait(lake: Lake) -> None:
    for pipeline, run_key in (("x", "r1"), ("y", "r1-trial")):
        write(lake, "raw", pipeline, run_key, record_version="1", text="Hello.")
    said = said_of(lake, "T-1")
    assert "Record T-1 of x" in said and "Record T-1 of y" in said
    assert said.count("the next run takes it up") == said.count("only a trial has pulled it") == 1
    assert "of y" not in explain(lake, "T-1", "x")[0]


def test_rows_of_an_older_version_have_gaps_and_what_a_terminal_would_obey_is_shown(lake: Lake) -> None:
    known = ["record_id", "record_version", "stage", "error_type", "error_message", "raw_output", "run_id"]
    hostile = "\x1b[2J\u202e{{ 7 * 7 }}\r\nPublished by run r9 \N{WOMAN}\u200d\N{PERSONAL COMPUTER}"
    write(lake, "quarantine", "x", "r1", known, error_type="truncated", error_message="cut", raw_output=hostile)
    said = said_of(lake, "T-1")
    assert "  truncated: cut\n" in said and "which has no row in runs/" in said
    assert "  | \\x1b[2J\\u202e{{ 7 * 7 }}\n  | Published by run r9 \N{WOMAN}\u200d\N{PERSONAL COMPUTER}\n" in said
    said, is_found = explain(lake, "\x1b[31mT-1")
    assert not is_found and "There is no record \\x1b[31mT-1" in said


def test_a_record_is_told_with_the_themes_that_it_is_in(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    nights.tickets(1, ["The parcel is late.", "The parcel came late.", "The parcel is much too late."] * 3)
    (theme,) = read_themes(nights.lake).themes.values()
    assert f"\nTheme {theme.theme_id}, {theme.name or 'not named yet'}\n  The parcel is late.\n" in said_of(
        nights.lake, "1-0"
    )


def test_a_record_that_is_a_canary_says_what_it_was_answered_each_night(lake: Lake) -> None:
    write(lake, "raw", "x", "r1", record_version="1", text="Hello.")
    known = {"record_id": "T-1", "record_version": "1", "model": "m", "prompt_version": "v1", "cost_usd": 0.25}
    for run_id, flipped in (("r1", None), ("r2", []), ("r3", ["mood", "topic"])):
        rows = pa.Table.from_pylist([{**known, "run_id": run_id, "answer": '{"mood":"good"}', "flipped": flipped}])
        write_table(lake, f"{lake.root}/canaries/x/run_date=2026-11-20/{run_id}.parquet", rows)
    said = said_of(lake, "T-1")
    assert "Asked again as a canary by run r1: prompt v1 on m, 0.25 USD\n  Not comparable with" in said
    assert "run r2: prompt v1 on m, 0.25 USD\n  As the night before\n" in said
    assert '  Otherwise than the night before: mood, topic\n  {"mood":"good"}\n' in said


def test_a_lake_without_any_record_says_where_it_is(lake: Lake) -> None:
    with pytest.raises(ConfigurationError, match=r"no record in the lake memory:.*NIGHTSHIFT_LAKE"):
        explain(lake, "T-1")
