"""`make run FILE=... DRY=1`: what is in a person's own file and what it would take, without a model and an Airflow."""

import csv
import gzip
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.errors import ConfigurationError
from include.local.file_report import FileReport, report_on
from include.local.file_report_text import WIDTH, report_lines
from include.local.own_file import OwnFile, own_file

ROOT = Path(__file__).parents[2]
KETTLE = "The kettle that I bought last week leaks at the handle and I would like to have it repaired, please."
SPANISH = "El hervidor que compré la semana pasada gotea por el asa y quisiera que me devolvieran el dinero."
GERMAN = "Der Wasserkocher, den ich letzte Woche gekauft habe, tropft am Griff. Bitte schicken Sie mir einen neuen."


def silent(_: str) -> None:
    """Say nothing."""


def look(
    file: Path | str,
    pipeline: str = "support_tickets",
    environ: Mapping[str, str] | None = None,
    **options: Any,
) -> FileReport:
    named = {"FILE": str(file), "PIPELINES": pipeline, "DRY": "1", **(environ or {})}
    own = own_file(named)
    assert own is not None
    return report_on(own, silent, named, **options)


def text_of(report: FileReport) -> str:
    return "\n".join(report_lines(report))


def write_csv(path: Path, rows: list[dict[str, Any]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def tickets(*texts: str) -> list[dict[str, Any]]:
    return [{"id": str(n), "text": text, "created_at": "2026-11-01"} for n, text in enumerate(texts, 1)]


def test_a_good_file_says_what_is_in_it_and_what_it_takes(tmp_path: Path) -> None:
    texts = [f"{KETTLE} Order {n}." for n in range(30)]
    rows = [{**row, "Channel": "mail"} for row in tickets(*texts)]
    report = look(write_csv(tmp_path / "tickets.csv", rows))
    assert (report.rows.read, report.rows.counted, report.rows.is_whole, report.asked) == (30, 30, True, 30)
    assert not report.rows.refused
    assert (report.own_columns, report.other_columns) == (["id", "text", "created_at"], ["channel"])
    assert report.languages == {"English": 30}
    assert report.characters == (len(KETTLE) + 10, len(KETTLE) + 10, len(KETTLE) + 10)
    assert report.tokens.requests == 30
    assert [cost.model for cost in report.costs] == ["gpt-6-luna", "gpt-6-sol", "claude-haiku-4-5"]
    for cost in report.costs:
        assert cost.usd is not None and cost.cached_usd is not None and 0 < cost.cached_usd < cost.usd
    shown = text_of(report)
    assert "30 read, 0 refused; 30 texts would be asked about" in shown
    assert "one of low, normal, high, urgent" in shown
    assert f"OPENAI_API_KEY=... make run PIPELINES=support_tickets FILE={tmp_path}/tickets.csv" in shown
    assert "MODEL=bundled" in shown


def test_refused_rows_are_counted_by_reason_and_the_first_three_are_shown(tmp_path: Path) -> None:
    lines: list[Any] = [*tickets(*(f"{KETTLE} {n}" for n in range(4)))]
    lines += ["{torn", {"id": "5", "text": ""}, {"text": "no id"}, {"id": "6", "text": "x", "created_at": "soon"}]
    path = tmp_path / "half.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    report = look(path)
    assert report.rows.read == 8
    assert report.rows.refused == {"not_json": 1, "empty_text": 1, "missing_id": 1, "bad_timestamp": 1}
    assert [line.partition(":")[0] for line in report.rows.first_refused] == [
        "half.jsonl#L5",
        "half.jsonl#L6",
        "half.jsonl#L7",
    ]
    assert "and 1 more" in text_of(report)


def test_a_file_without_a_text_names_its_columns_and_the_way_out(tmp_path: Path) -> None:
    rows = [{"id": n, "body": KETTLE, "Subject": "Leak"} for n in range(3)]
    path = write_csv(tmp_path / "bodies.csv", rows)
    report = look(path)
    assert (report.asked, report.rows.refused["empty_text"]) == (0, 3)
    shown = text_of(report)
    assert "body, subject" in shown
    assert f"NIGHTSHIFT_COLUMNS_SUPPORT_TICKETS=text=body make run PIPELINES=support_tickets FILE={path} DRY=1" in shown
    assert "Cost" not in shown


def exported(count: int = 5) -> list[dict[str, Any]]:
    """Rows whose columns have names that nobody knows."""
    return [
        {
            "Status": "open",
            "Closed": f"2026-11-2{n} 09:00",
            "Title": f"Lamp {n}",
            "Case no.": 700 + n,
            "What, then?": f"{KETTLE} {n}",
            "Opened": f"2026-11-1{n} 10:00",
        }
        for n in range(count)
    ]


def test_columns_that_nobody_knows_are_proposed_by_what_they_hold(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "cases.csv", exported())
    proposed = 'id=Case no.,text="What, then?",created_at=Opened'
    report = look(path)
    assert report.proposal == f"NIGHTSHIFT_COLUMNS_SUPPORT_TICKETS='{proposed}'"
    assert f"{report.proposal} make run PIPELINES=support_tickets FILE={path} DRY=1" in text_of(report)
    mapped = look(path, environ={"NIGHTSHIFT_COLUMNS_SUPPORT_TICKETS": proposed})
    assert (mapped.asked, mapped.rows.refused.total(), mapped.proposal) == (5, 0, None)
    assert f"{report.proposal} make run PIPELINES=support_tickets FILE={path}\n" in text_of(mapped)
    assert all(record.is_dated for _, record in mapped.rows.records.values())


def test_names_over_several_lines_are_proposed_in_one_that_is_read(tmp_path: Path) -> None:
    names = {"Case no.": "Case\nno.", "What, then?": "What,\r\nthen?"}
    path = write_csv(tmp_path / "cases.csv", [{names.get(name, name): row[name] for name in row} for row in exported()])
    proposed = 'id=Case no.,text="What, then?",created_at=Opened'
    assert look(path).proposal == f"NIGHTSHIFT_COLUMNS_SUPPORT_TICKETS='{proposed}'"
    assert look(path, environ={"NIGHTSHIFT_COLUMNS_SUPPORT_TICKETS": proposed}).asked == 5


@pytest.mark.parametrize(
    ("row", "proposed"),
    [
        (
            {"Summary": "Lamp", "Issue key": "A-1", "Description": KETTLE, "Created": "20/Nov/26 10:00 AM"},
            "preset:jira",
        ),
        (
            {"Timestamp": "2026/11/20 10:00:00 AM GMT+1", "How was it?": KETTLE},
            "'preset:google_forms,text=How was it?'",
        ),
        (
            {"no": "A-1", "body": KETTLE, "at": "25/11/2026 10:00"},
            "'id=no,text=body,created_at=at,times:%d/%m/%Y %H:%M'",
        ),
        ({"no": "A-1", "body": KETTLE, "at": "05/11/2026 10:00"}, "id=no,text=body"),
        ({"no": "A-1", "body": "open"}, None),
        ({"no": "A-1", f"Write to ada@example.org. {KETTLE}": KETTLE}, None),
    ],
)
def test_a_preset_or_a_form_of_times_is_proposed_and_else_nothing(
    row: dict[str, str], proposed: str | None, tmp_path: Path
) -> None:
    report = look(write_csv(tmp_path / "t.csv", [row]))
    assert report.proposal == (proposed and f"NIGHTSHIFT_COLUMNS_SUPPORT_TICKETS={proposed}")
    assert ("NIGHTSHIFT_COLUMNS_SUPPORT_TICKETS" in text_of(report)) and "ada@" not in text_of(report)


def test_nothing_is_proposed_where_id_and_text_are_there(tmp_path: Path) -> None:
    assert look(write_csv(tmp_path / "t.csv", tickets(KETTLE, ""))).proposal is None


def test_values_that_are_not_of_their_columns_type_are_counted(tmp_path: Path) -> None:
    replies = ("4,0", "many", "")
    rows = [{**row, "replies": count} for row, count in zip(tickets(KETTLE, SPANISH, GERMAN), replies, strict=True)]
    shown = text_of(look(write_csv(tmp_path / "t.csv", rows)))
    assert "Values that are not of their column's type, and null: replies 1" in shown


def test_exports_of_the_play_console_are_known_by_their_columns(tmp_path: Path) -> None:
    names = ["Star Rating", "Review Text", "Review Link", "Review Last Update Millis Since Epoch"]
    path = write_csv(tmp_path / "reviews.csv", [dict.fromkeys(names, "5")])
    assert "GOOGLE_PLAY_EXPORTS=" in text_of(look(path, "app_store_reviews"))


def test_an_empty_file_has_nothing_to_ask_about(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    report = look(tmp_path / "empty.csv")
    assert (report.rows.read, report.asked) == (0, 0)
    assert "There is no row in it" in text_of(report)


def test_personal_data_is_counted_by_kind_and_shown_in_redacted_pieces_only(tmp_path: Path) -> None:
    secrets = ["ada.quill@example.org", "4111 1111 1111 1111", "Susan Quill"]
    texts = [
        f"{KETTLE} Write to {secrets[0]} about it, or to her colleague.",
        f"{KETTLE} I paid with my card {secrets[1]} on the day.",
        f"{KETTLE} Best regards, my name is {secrets[2]}.",
        f"{KETTLE} Write to {secrets[0]} and not to bob@example.org again.",
        f"Mail {secrets[0]}",
    ]
    report = look(write_csv(tmp_path / "tickets.csv", tickets(*texts)))
    assert report.personal["EMAIL"] == (4, 3)
    assert report.personal["CARD"] == (1, 1) and report.personal["PERSON"] == (1, 1)
    assert len(report.examples) == 3
    assert {re.findall("<([A-Z]+)_", example)[0] for example in report.examples} == {"EMAIL", "CARD", "PERSON"}
    for example in report.examples:
        assert len(example) <= 110 and example not in texts
    shown = text_of(report)
    assert not any(secret in shown for secret in [*secrets, "bob@"])
    assert "EMAIL 4 in 3 records" in shown


def test_what_the_model_sees_of_a_text_is_shown_redacted_and_its_head_only(tmp_path: Path) -> None:
    first = {"id": "1", "text": f"Write to ada@example.org. {KETTLE}", "created_at": "2026-11-01", "channel": ""}
    report = look(write_csv(tmp_path / "t.csv", [first, {**first, "id": "2", "channel": "mail"}]))
    assert report.above == ("subject", "channel")
    shown = text_of(report)
    assert "The model sees above the text: subject, channel." in shown
    message = shown.partition("its head only:")[2].partition("Tokens")[0]
    assert "channel: mail\n" in message and "[1] Write to <EMAIL_1>." in message
    assert "repaired" not in message and "ada@" not in shown
    assert re.search(r"<record (\w+)>.*</record \1>", message, re.DOTALL)


def test_a_description_that_goes_through_the_values_is_shown_whole(tmp_path: Path) -> None:
    shown = " ".join(text_of(look(write_csv(tmp_path / "t.csv", tickets(KETTLE)))).split())
    for said in ("high: names a lawyer", "medium: threatens to leave", "low: none of these."):
        assert said in shown


def test_languages_are_named_and_what_is_not_clear_is_said(tmp_path: Path) -> None:
    report = look(write_csv(tmp_path / "t.csv", tickets(KETTLE, KETTLE + " Soon.", SPANISH, GERMAN, "ok", "12345")))
    assert dict(report.languages) == {"English": 2, "Spanish": 1, "German": 1, "not clear": 1, "no words": 1}


def packed(path: Path) -> Path:
    target = path / "tickets.csv.gz"
    target.write_bytes(gzip.compress(write_csv(path / "plain.csv", tickets(KETTLE, SPANISH)).read_bytes()))
    return target


def table(path: Path) -> Path:
    target = path / "tickets.parquet"
    pq.write_table(pa.Table.from_pylist(tickets(KETTLE, SPANISH)), target)
    return target


def folder(path: Path) -> Path:
    for n, row in enumerate(tickets(KETTLE, SPANISH)):
        write_csv(path / f"{n}.csv", [row])
    return path


def glob(path: Path) -> str:
    return str(folder(path) / "*.csv")


def url(path: Path) -> str:
    with fsspec.open(f"memory://own{path}/t.jsonl", "w") as file:
        file.write("\n".join(map(json.dumps, tickets(KETTLE, SPANISH))))
    return f"memory://own{path}/t.jsonl"


@pytest.mark.parametrize("form", [packed, table, folder, glob, url])
def test_every_form_of_a_file_is_read(form: Callable[[Path], Path | str], tmp_path: Path) -> None:
    report = look(form(tmp_path))
    assert (report.rows.read, report.asked) == (2, 2)


def test_a_folder_of_calls_is_read_as_one_file_a_call(tmp_path: Path) -> None:
    for n in range(3):
        (tmp_path / f"call-{n}.txt").write_text(f"Agent: Hello.\nCustomer: My line {n} is down since Monday.\n")
    report = look(tmp_path, "call_transcripts")
    assert report.own.settings == {
        "NIGHTSHIFT_SOURCE_CALL_TRANSCRIPTS": "",
        "CALL_TRANSCRIPTS_PREFIX": str(tmp_path),
    }
    assert (report.rows.read, report.asked, report.old) == (3, 3, 0)


def test_calls_that_a_first_run_leaves_out_are_counted_and_one_call_is_no_folder(tmp_path: Path) -> None:
    for n, days in enumerate((1, 40, 50)):
        path = tmp_path / f"call-{n}.txt"
        path.write_text(f"Agent: Hello.\nCustomer: My line {n} is down since Monday.\n")
        os.utime(path, (time.time() - days * 86_400,) * 2)
    report = look(tmp_path, "call_transcripts")
    assert (report.asked, report.old) == (3, 2)
    assert "2 were changed more than 30 days ago" in text_of(report)
    with pytest.raises(ConfigurationError, match="Give its folder"):
        look(tmp_path / "call-0.txt", "call_transcripts")


def test_a_file_at_which_a_run_would_stop_says_so(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", tickets(*[KETTLE, ""] * 12, ""))
    assert "Above 50% refused a run stops" in text_of(look(path))
    assert "a run stops" not in text_of(look(path, environ={"NIGHTSHIFT_MAX_UNREADABLE_SHARE": "0.6"}))


def test_the_encoding_that_is_set_counts_for_the_look_too(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("id,text\n1,Zásilka přišla pozdě\n".encode("cp1250"))
    report = look(path, environ={"NIGHTSHIFT_ENCODING": "cp1250"})
    assert [record.text for _, record in report.rows.records.values()] == ["Zásilka přišla pozdě"]


def test_of_a_huge_file_the_first_rows_stand_for_the_rest(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", tickets(*(f"{KETTLE} {n:04}" for n in range(400))))
    whole, part = look(path), look(path, most_rows=100)
    assert (part.rows.read, part.rows.counted, part.rows.is_whole, part.factor) == (100, 400, True, 4.0)
    assert part.costs[0].usd == pytest.approx(whole.costs[0].usd, rel=0.02)
    assert "the first 100 of 400 read" in text_of(part) and "estimated" in text_of(part)


def test_a_file_that_takes_too_long_to_count_is_at_least_so_long(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", tickets(*(f"{KETTLE} {n}" for n in range(40))))
    seconds = iter(range(1000))
    said: list[str] = []
    own = own_file({"FILE": str(path), "PIPELINES": "support_tickets", "DRY": "1"})
    assert own is not None
    report = report_on(own, said.append, {}, clock=lambda: float(next(seconds)))
    assert not report.rows.is_whole
    assert 1 < report.rows.read < report.rows.counted < 40
    assert f"the first {report.rows.read} of at least {report.rows.counted} read" in text_of(report)
    assert "There are more, which were not counted." in " ".join(text_of(report).split())
    assert any(line.startswith(f"{report.rows.read:,} rows read") for line in said)


def test_what_comes_twice_or_is_too_long_is_not_asked_about_twice_or_at_all(tmp_path: Path) -> None:
    rows = [
        {"id": "1", "text": "Old.", "created_at": "2026-11-01"},
        {"id": "1", "text": "New.", "created_at": "2026-11-02"},
        {"id": "2", "text": "New.", "created_at": "2026-11-02"},
        {"id": "3", "text": "word " * 5_000, "created_at": "2026-11-02"},
    ]
    report = look(write_csv(tmp_path / "t.csv", rows))
    assert (report.repeats, report.same_texts, report.too_long, report.asked) == (1, 1, 1, 1)
    assert report.rows.records["1"][1].text == "New."


def test_time_is_what_the_limit_allows(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", tickets(*(f"{KETTLE} {n}" for n in range(60))))
    report = look(path, environ={"NIGHTSHIFT_REQUESTS_PER_MINUTE": "30"})
    assert report.seconds == pytest.approx(120)
    assert "about 2 minutes at your limit of 30 requests a minute" in text_of(report)
    tokens = look(path, environ={"NIGHTSHIFT_REQUESTS_PER_MINUTE": "30", "NIGHTSHIFT_TOKENS_PER_MINUTE": "1000"})
    assert tokens.seconds == pytest.approx(60 * tokens.tokens.usage.total / 1000)
    assert (look(path).limits, look(path).seconds) == ({}, pytest.approx(60 * 2 / 64))
    assert "no limit is set" in text_of(look(path))


def test_a_cost_above_the_budget_or_unknown_is_said(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", tickets(KETTLE))
    assert "above the budget of 0.0000010 USD" in text_of(look(path, environ={"NIGHTSHIFT_BUDGET_USD": "0.000001"}))
    unknown = look(path, environ={"OPENAI_BASE_URL": "https://llm.example.org/v1", "NIGHTSHIFT_MODEL": "house"})
    assert (unknown.costs[0].model, unknown.costs[0].usd) == ("house", None)
    assert "OPENAI_API_KEY=..." not in text_of(unknown)


def test_the_model_that_is_named_is_the_one_that_is_priced(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", tickets(KETTLE))
    report = look(path, environ={"MODEL": "gpt-6-sol"})
    assert [cost.model for cost in report.costs] == ["gpt-6-sol", "claude-haiku-4-5", "gpt-6-luna"]
    assert f"FILE={path} MODEL=gpt-6-sol\n" in text_of(report)
    assert look(path, environ={"MODEL": "bundled"}).costs[0].model == "gpt-6-luna"


@pytest.mark.parametrize("pipeline", ["app_store_reviews", "call_transcripts", "survey_answers", "support_tickets"])
def test_every_pipeline_reports_within_a_terminal(pipeline: str, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", tickets(KETTLE, SPANISH, GERMAN))
    report = look(path, pipeline)
    # A path is as long as it is.
    lines = [line for line in report_lines(report) if str(path) not in line]
    assert report.asked == 3 and max(map(len, lines)) <= WIDTH
    assert all(any(name in line for line in lines) for name in report.pipeline.answer.model_fields)


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"FILE": "t.csv"}, "app_store_reviews, call_transcripts, support_tickets, survey_answers"),
        ({"FILE": "t.csv", "PIPELINES": "support_tickets survey_answers"}, "one pipeline"),
        ({"FILE": "t.csv", "PIPELINES": "tickets"}, "support_tickets"),
        ({"DRY": "1"}, "FILE="),
    ],
)
def test_what_cannot_be_meant_is_refused(environ: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        own_file(environ)


@pytest.mark.parametrize("name", ["missing.csv", "*.csv", "s3/t.csv"])
def test_a_file_that_is_not_there_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(f"There is no file at '{tmp_path / name}'")):
        look(tmp_path / name)


def test_a_place_is_absolute_and_an_address_stays_as_it_is() -> None:
    def named(file: str) -> OwnFile | None:
        return own_file({"FILE": file, "PIPELINES": "support_tickets"})

    relative, address = named("data/my tickets.csv"), named("s3://bucket/tickets/*.csv")
    assert relative is not None and address is not None
    assert relative.settings == {"NIGHTSHIFT_SOURCE_SUPPORT_TICKETS": str(Path("data/my tickets.csv").absolute())}
    assert relative.command == "make run PIPELINES=support_tickets FILE='data/my tickets.csv'"
    assert address.location == "s3://bucket/tickets/*.csv"
    assert own_file({}) is None


def run(environ: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    lake = {"NIGHTSHIFT_LAKE": str(folder / "lake"), "AIRFLOW_HOME": str(folder / "airflow"), "PYTHONPATH": str(ROOT)}
    # Whatever would start an Airflow or a model dies of it.
    code = "import sys; sys.modules['airflow'] = sys.modules['xllamacpp'] = None; import include.local.run as r; " + (
        "code = r.main(); sys.exit(code)"
    )
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **lake, **environ},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_the_command_looks_at_a_file_without_airflow_and_leaves_nothing_behind(tmp_path: Path) -> None:
    write_csv(
        tmp_path / "tickets.csv", tickets(KETTLE, "My name is Susan Quill and the kettle leaks, as I wrote before.")
    )
    done = run({"PIPELINES": "support_tickets", "DRY": "1", "FILE": "tickets.csv"}, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "tickets.csv as support_tickets would read it" in done.stdout and "2 read, 0 refused" in done.stdout
    assert "Susan" not in done.stdout + done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["tickets.csv"]


@pytest.mark.slow
def test_a_run_over_a_file_that_is_not_there_stops_before_anything_is_started(tmp_path: Path) -> None:
    done = run({"PIPELINES": "support_tickets", "FILE": "missing.csv", "MODEL": "bundled"}, tmp_path)
    assert done.returncode == 1 and "There is no file at" in done.stdout, done.stdout + done.stderr
    assert not list(tmp_path.iterdir())
