"""Nights over files: which rows a night takes of a folder that somebody else fills, and what it says of the rest."""

import json
import logging
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from include.errors import ConfigurationError, SourceUnreadable
from include.stages.extract import extract_records
from include.stages.manifests import Extracted
from tests.fault_server.running import FaultServer
from tests.servers.provider import Answer, Provider
from tests.stages.help_desk_scenario import DAY, HOUR, NIGHT, Office, office

__all__ = ["office"]

pytestmark = pytest.mark.slow

OLD = NIGHT - 100 * DAY


def row(ticket: str, at: datetime | str, text: str = "", **columns: Any) -> dict[str, Any]:
    """A ticket as an export writes it."""
    written = at if isinstance(at, str) else at.isoformat()
    return {"id": ticket, "text": text or f"Ticket {ticket} has a problem.", "created_at": written, **columns}


class Folder(Office):
    """An office that reads a folder of files instead of a help desk."""

    def __init__(self, folder: Path, server: FaultServer) -> None:
        super().__init__(folder, server)
        self.files = folder / "drop"
        self.files.mkdir()
        self.environ["NIGHTSHIFT_SOURCE_SUPPORT_TICKETS"] = str(self.files)

    def put(self, name: str, *rows: Mapping[str, Any], copied: bool = False) -> None:
        """Write a file; a copied one keeps the time of its last change."""
        path = self.files / name
        path.write_text("".join(json.dumps(each) + "\n" for each in rows))
        if copied:
            os.utime(path, (OLD.timestamp(), OLD.timestamp()))

    def counts(self, end: datetime, trigger: str = "scheduled", **form: Any) -> Extracted:
        """What the first stage counts."""
        return extract_records(self.deployment.lake, self.pipeline, self.settle(end, trigger, **form), self.environ)


@pytest.fixture
def folder(tmp_path: Path, fault_server: FaultServer) -> Folder:
    return Folder(tmp_path, fault_server)


def test_nights_that_did_not_run_are_made_up_for_by_the_next(folder: Folder) -> None:
    days = [NIGHT + n * DAY - HOUR for n in range(-1, 6)]
    folder.put("all.jsonl", *(row(f"t{n}", at) for n, at in enumerate(days)))
    taken = folder.night(NIGHT)
    assert taken | folder.night(NIGHT + 5 * DAY) == {f"t{n}" for n in range(7)}


def test_a_file_that_is_new_is_taken_whole_whatever_its_dates(folder: Folder) -> None:
    folder.put("a.jsonl", row("seen", NIGHT - HOUR))
    assert folder.night(NIGHT) == {"seen"}
    folder.put("late.jsonl", row("of-last-spring", OLD), row("of-tonight", NIGHT + HOUR), copied=True)
    assert folder.night(NIGHT + DAY) == {"of-last-spring", "of-tonight"}
    assert folder.night(NIGHT + 2 * DAY) == set()


def test_a_file_that_grows_is_read_to_its_end_and_only_what_is_new_is_asked(folder: Folder) -> None:
    folder.put("a.jsonl", row("one", OLD))
    assert folder.night(NIGHT) == {"one"}
    folder.put("a.jsonl", row("one", OLD), row("two", OLD + HOUR))
    assert folder.night(NIGHT + DAY) == {"two"}


def test_a_file_seen_by_a_night_that_failed_or_by_a_trial_is_still_new(folder: Folder) -> None:
    folder.put("a.jsonl", row("one", OLD))
    folder.counts(NIGHT)
    folder.night(NIGHT, trigger="manual", prompt_version="v2")
    assert folder.night(NIGHT + DAY) == {"one"}


@pytest.mark.parametrize("columns", [{"Updated At": NIGHT + HOUR}, {}])
def test_an_edited_record_comes_back(folder: Folder, columns: dict[str, datetime]) -> None:
    folder.put("a.jsonl", row("t", OLD, "The lamp flickers."))
    assert folder.night(NIGHT) == {"t"}
    edited = {name: moment.isoformat() for name, moment in columns.items()}
    folder.put("a.jsonl", row("t", OLD, "The lamp flickers. It caught fire!", **edited))
    assert folder.night(NIGHT + DAY) == {"t"}
    assert folder.current() == {"t": "The lamp flickers. It caught fire!"}


def test_of_two_versions_in_one_file_the_one_changed_last_counts(folder: Folder) -> None:
    newer = row("t", OLD, "Second.", changed_at=(OLD + 2 * HOUR).isoformat())
    folder.put("a.jsonl", newer, row("t", OLD, "First.", changed_at=(OLD + HOUR).isoformat()))
    folder.night(NIGHT)
    assert folder.current() == {"t": "Second."}


def test_of_two_versions_without_a_time_of_change_the_last_one_counts_and_the_log_counts_them(
    folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    folder.put("a.jsonl", row("t", OLD, "First."), row("t", OLD, "Second."), row("t", OLD, "Third."))
    folder.put("b.jsonl", row("t", OLD, "Third."), row("u", OLD))
    with caplog.at_level(logging.INFO):
        folder.night(NIGHT)
    assert folder.current()["t"] == "Third."
    assert "3 rows are copies of others in the source; 2 of them other versions of a record" in caplog.text


def test_a_signature_is_in_no_table_and_in_no_log(
    folder: Folder, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    lines = json.dumps(row("t", OLD)).encode() + b'\n{"text": "No id."}\n'
    with Provider(lambda _: Answer(body=lines)) as store, caplog.at_level(logging.DEBUG):
        address = f"{store.base_url}/exports/tickets.jsonl?X-Amz-Signature=c4narY"
        folder.environ["NIGHTSHIFT_SOURCE_SUPPORT_TICKETS"] = address
        assert folder.night(NIGHT) == {"t"}
        folder.environ["NIGHTSHIFT_SOURCE_SUPPORT_TICKETS"] = address.replace("c4narY", "c4narY2")
        assert folder.counts(NIGHT + DAY).outside_window == 1, "the same file as before"
    files = [path for path in (tmp_path / "lake").rglob("*") if path.is_file()]
    tables = [pq.ParquetFile(path) for path in files if path.suffix == ".parquet"]
    assert tables and "tickets.jsonl" in repr([table.schema_arrow.metadata for table in tables])
    written = [path.read_bytes() for path in files], [(t.schema_arrow.metadata, t.read().to_pylist()) for t in tables]
    assert "c4narY" not in repr(written)
    assert "c4narY" not in caplog.text


def test_a_night_looks_back_in_files_that_it_knows(folder: Folder) -> None:
    """A store that keeps a file's size and time when it changes the file."""
    folder.put("a.jsonl", row("one", NIGHT - HOUR), copied=True)
    assert folder.night(NIGHT) == {"one"}
    folder.put("a.jsonl", row("two", NIGHT - DAY), copied=True)
    assert folder.counts(NIGHT + DAY).extracted == 1
    folder.put("a.jsonl", row("two", NIGHT - 3 * DAY), copied=True)
    assert folder.counts(NIGHT + 2 * DAY).extracted == 1, "that of the failed night before"


def test_a_backfill_keeps_to_its_interval_and_counts_what_lies_outside(folder: Folder) -> None:
    folder.put("a.jsonl", row("before", NIGHT - 2 * DAY), row("in", NIGHT - HOUR), row("after", NIGHT + HOUR))
    counts = folder.counts(NIGHT, trigger="backfill")
    assert (counts.extracted, counts.outside_window) == (1, 2)
    assert folder.counts(NIGHT + 40 * DAY, trigger="backfill").outside_window == 3


def test_what_lies_outside_is_beside_what_was_extracted(folder: Folder) -> None:
    folder.put("a.jsonl", row("old", OLD), row("new", NIGHT - HOUR))
    counts = folder.counts(NIGHT, trigger="manual", since=(NIGHT - DAY).isoformat())
    assert (counts.extracted, counts.outside_window) == (1, 1)


def test_a_backfill_or_a_bounded_run_makes_no_file_known(folder: Folder) -> None:
    folder.put("a.jsonl", row("old", OLD), row("in", NIGHT - HOUR), copied=True)
    assert folder.night(NIGHT, trigger="backfill") == {"in"}
    assert folder.counts(NIGHT, trigger="manual", until=NIGHT.isoformat()).extracted == 2
    assert folder.counts(NIGHT + DAY).outside_window == 0


@pytest.mark.parametrize(
    ("zone", "written", "occurred_at"),
    [
        ("", "2026-07-01T10:00:00", "2026-07-01T10:00:00+00:00"),
        ("Europe/Berlin", "2026-07-01T10:00:00", "2026-07-01T08:00:00+00:00"),
        ("Europe/Berlin", "2026-01-01 10:00", "2026-01-01T09:00:00+00:00"),
        ("America/New_York", "2026-07-01", "2026-07-01T04:00:00+00:00"),
        ("Europe/Berlin", "2026-07-01T10:00:00+05:00", "2026-07-01T05:00:00+00:00"),
        ("Europe/Berlin", "2026-07-01T10:00:00Z", "2026-07-01T10:00:00+00:00"),
    ],
)
def test_times_without_a_zone_are_read_in_the_deployment_s(
    folder: Folder, zone: str, written: str, occurred_at: str
) -> None:
    folder.environ["NIGHTSHIFT_TIMEZONE"] = zone
    folder.put("a.jsonl", row("t", written))
    folder.counts(NIGHT)
    raw = folder.deployment.table("raw")
    assert raw["occurred_at"].tolist() == raw["changed_at"].tolist() == [pd.Timestamp(occurred_at)]


def test_a_zone_that_there_is_not_is_said_before_anything_is_read(folder: Folder) -> None:
    folder.environ["NIGHTSHIFT_TIMEZONE"] = "Mars/Olympus"
    with pytest.raises(ConfigurationError, match=r"NIGHTSHIFT_TIMEZONE='Mars/Olympus'.*Europe/Berlin"):
        folder.counts(NIGHT)


def test_a_night_whose_rows_mostly_cannot_be_read_fails_and_says_why(folder: Folder) -> None:
    folder.put("export.jsonl", *({"ticketId": n, "description": "Late", "jo@example.com": 1} for n in range(50)))
    with pytest.raises(SourceUnreadable) as caught:
        folder.counts(NIGHT)
    said = str(caught.value)
    assert "50 of 50" in said and "missing_id" in said and "ticketId, description" in said
    assert "NIGHTSHIFT_MAX_UNREADABLE_SHARE" in said and "NIGHTSHIFT_COLUMNS_SUPPORT_TICKETS=id=<column>" in said
    assert "jo@example.com" not in said


def test_a_night_reads_columns_of_other_names_and_counts_what_is_no_number(
    folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    folder.environ["NIGHTSHIFT_COLUMNS_SUPPORT_TICKETS"] = "id=No,text=Title+Body,created_at=When,replies=Answers"
    rows = [{"No": n, "Title": "Lamp", "Body": "Late", "When": NIGHT.isoformat(), "Answers": n} for n in ("1", "two")]
    old = [{**rows[1], "No": "3", "When": OLD.isoformat()}]
    folder.put("a.jsonl", *rows, *old)
    counts = folder.counts(NIGHT + HOUR, trigger="manual", since=(NIGHT - HOUR).isoformat())
    assert (counts.extracted, counts.unreadable, counts.outside_window) == (2, 0, 1)
    raw = folder.deployment.table("raw").sort_values("record_id")
    assert raw["text"].tolist() == ["Lamp\n\nLate"] * 2
    assert raw["attr_replies"].tolist()[0] == 1 and pd.isna(raw["attr_replies"].tolist()[1])
    assert counts.unreadable_values == {"replies": 1}
    assert "1 values of replies are no int, and null" in caplog.text


def test_a_column_that_is_mapped_and_not_there_stops_the_night(folder: Folder) -> None:
    folder.environ["NIGHTSHIFT_COLUMNS_SUPPORT_TICKETS"] = "id=Ticket"
    folder.put("a.jsonl", row("one", NIGHT))
    with pytest.raises(ConfigurationError, match=r"names 'Ticket', and a\.jsonl has no such column\. It has: id"):
        folder.counts(NIGHT)


@pytest.mark.parametrize(
    ("good", "bad", "share", "fails"),
    [(10, 10, "", False), (9, 11, "", True), (0, 19, "", False), (0, 20, "1", False), (18, 2, "0.05", True)],
)
def test_the_share_of_unreadable_rows_that_a_night_bears_can_be_set(
    folder: Folder, good: int, bad: int, share: str, fails: bool
) -> None:
    folder.environ["NIGHTSHIFT_MAX_UNREADABLE_SHARE"] = share
    folder.put("a.jsonl", *(row(f"g{n}", OLD) for n in range(good)), *({"id": f"b{n}"} for n in range(bad)))
    if fails:
        with pytest.raises(SourceUnreadable):
            folder.counts(NIGHT)
    else:
        assert folder.counts(NIGHT).unreadable == bad


@pytest.mark.parametrize(("share", "fails"), [("", True), ("1", False)])
def test_a_folder_in_which_no_file_can_be_read_is_no_empty_night(folder: Folder, share: str, fails: bool) -> None:
    folder.environ["NIGHTSHIFT_MAX_UNREADABLE_SHARE"] = share
    (folder.files / "a.csv").write_text("<!doctype html><title>Sign in</title>")
    if fails:
        with pytest.raises(SourceUnreadable, match="web page"):
            folder.counts(NIGHT)
    else:
        assert folder.counts(NIGHT).unreadable == 1
    folder.put("b.jsonl", row("t", OLD))
    assert folder.counts(NIGHT).extracted == 2


def test_unreadable_rows_of_earlier_nights_do_not_count_again(folder: Folder) -> None:
    folder.environ["NIGHTSHIFT_MAX_UNREADABLE_SHARE"] = "1"
    folder.put("a.jsonl", *({"id": f"b{n}"} for n in range(30)))
    folder.night(NIGHT)
    folder.environ["NIGHTSHIFT_MAX_UNREADABLE_SHARE"] = ""
    folder.put("b.jsonl", *(row(f"g{n}", OLD) for n in range(25)))
    assert len(folder.night(NIGHT + DAY)) == 25


def test_an_encoding_that_there_is_not_is_said_and_one_that_there_is_counts(folder: Folder) -> None:
    (folder.files / "a.csv").write_bytes("id,text\n1,Zásilka přišla pozdě\n".encode("cp1250"))
    for name in ("klingon", "hex", "undefined"):
        folder.environ["NIGHTSHIFT_ENCODING"] = name
        with pytest.raises(ConfigurationError, match=rf"NIGHTSHIFT_ENCODING='{name}'.*cp1252"):
            folder.counts(NIGHT)
    folder.environ["NIGHTSHIFT_ENCODING"] = "windows-1250"
    folder.counts(NIGHT)
    assert folder.deployment.table("raw")["text"].tolist() == ["Zásilka přišla pozdě"]


@pytest.mark.parametrize("share", ["half", "-1", "1.5", "nan"])
def test_a_share_that_is_none_is_said(folder: Folder, share: str) -> None:
    folder.environ["NIGHTSHIFT_MAX_UNREADABLE_SHARE"] = share
    folder.put("a.jsonl", row("t", OLD))
    with pytest.raises(ConfigurationError, match="NIGHTSHIFT_MAX_UNREADABLE_SHARE"):
        folder.counts(NIGHT)


def test_a_time_of_change_that_is_none_or_lies_ahead_is_not_believed(folder: Folder) -> None:
    ahead = (datetime.now(UTC) + timedelta(days=400)).isoformat()
    folder.put("a.jsonl", row("a", NIGHT - HOUR, updated_at="never"), row("b", NIGHT - HOUR, updated_at=ahead))
    assert folder.counts(NIGHT, trigger="backfill").extracted == 2
