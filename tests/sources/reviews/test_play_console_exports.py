"""The Play Console's monthly review exports: UTF-16, one file an app and month."""

import csv
import io
import itertools
import logging
import uuid
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from include.errors import ConfigurationError, RetryLater
from include.sources.record import Record, UnreadableRecord
from include.sources.reviews.play_console_exports import PlayConsoleExports
from tests.servers.s3 import S3Server
from tests.sources.pulling import ALWAYS, pull, record, records, window

APP = "org.example.app"
COLUMNS = [
    *("Package Name", "App Version Code", "App Version Name", "Reviewer Language", "Device"),
    *("Review Submit Date and Time", "Review Submit Millis Since Epoch"),
    *("Review Last Update Date and Time", "Review Last Update Millis Since Epoch"),
    *("Star Rating", "Review Title", "Review Text"),
    *("Developer Reply Date and Time", "Developer Reply Millis Since Epoch", "Developer Reply Text", "Review Link"),
]


def row(number: int, submitted: str, updated: str | None = None, text: str = "Text", **cells: str) -> dict[str, str]:
    """A review; one without a text has no link either, as in real exports."""
    times = {"Review Submit": submitted, "Review Last Update": updated or submitted}
    given = dict.fromkeys(COLUMNS, "") | {"Package Name": APP, "Star Rating": "4", "Review Text": text}
    for name, moment in times.items():
        at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
        given |= {f"{name} Date and Time": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
        given |= {f"{name} Millis Since Epoch": str(int(at.timestamp() * 1000) + 490)}
    if text:
        link = f"https://play.google.com/apps/publish?account=0#ReviewDetailsPlace:p={APP}&reviewid=gp:AOqp{number}"
        given |= {"Review Link": link}
    return given | cells


def export(rows: list[dict[str, str]], columns: list[str] = COLUMNS) -> bytes:
    """A file as the Play Console writes it."""
    lines = io.StringIO()
    writer = csv.DictWriter(lines, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return lines.getvalue().encode("utf-16")


def write(folder: Path, month: str, *rows: dict[str, str], app: str = APP) -> None:
    """One month's file."""
    (folder / f"reviews_{app}_{month}.csv").write_bytes(export(list(rows)))


def test_a_review_becomes_a_record_with_its_columns(tmp_path: Path) -> None:
    cells = {"Review Title": "Crash", "Star Rating": "1", "App Version Name": "2.1", "Device": "Z3"}
    cells |= {"Reviewer Language": "de", "Developer Reply Text": "Fixed."}
    write(tmp_path, "202611", row(7, "2026-11-02T10:00:00", "2026-11-03T11:00:00", "Stürzt ab 😡", **cells))
    (pulled,) = pull(PlayConsoleExports(str(tmp_path))).rows
    made = record(pulled)
    assert (made.record_id, made.text) == ("gp:AOqp7", "Stürzt ab 😡")
    assert made.occurred_at == datetime(2026, 11, 2, 10, 0, 0, 490_000, UTC)
    assert pulled.changed_at == datetime(2026, 11, 3, 11, 0, 0, 490_000, UTC)
    assert made.source_url is not None and made.source_url.endswith("reviewid=gp:AOqp7")
    assert made.attributes == {
        "title": "Crash",
        "rating": 1,
        "app_version": "2.1",
        "country": None,
        "language": "de",
        "device": "Z3",
        "developer_reply": "Fixed.",
        "app_id": APP,
        "store": "google_play",
    }


def test_an_id_that_the_link_encodes_is_the_one_that_the_api_gives(tmp_path: Path) -> None:
    link = (
        f"https://play.google.com/console/developers/1/app/2/user-feedback/review-details?reviewId=gp%3AAOqp-x&p={APP}"
    )
    write(tmp_path, "202611", row(0, "2026-11-02", **{"Review Link": link}))
    assert pull(PlayConsoleExports(str(tmp_path))).ids == ["gp:AOqp-x"]


def test_ratings_without_text_are_left_out_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    write(tmp_path, "202611", row(0, "2026-11-02", text=""), row(1, "2026-11-02"), row(2, "2026-11-03", text=" "))
    assert pull(PlayConsoleExports(str(tmp_path))).ids == ["gp:AOqp1"]
    assert "left out 2 ratings" in caplog.text


def test_a_review_with_a_title_only_is_kept(tmp_path: Path) -> None:
    link = {"Review Link": "https://play.google.com/x?reviewid=gp:1"}
    write(tmp_path, "202611", row(1, "2026-11-02", text="", **{"Review Title": "Great"} | link))
    made = record(pull(PlayConsoleExports(str(tmp_path))).rows[0])
    assert (made.record_id, made.text) == ("gp:1", "Great")


def test_the_last_update_decides_about_the_window(tmp_path: Path) -> None:
    rows = [
        row(0, "2026-11-01", "2026-11-04T23:59:59"),
        row(1, "2026-11-01", "2026-11-05T00:00:00"),
        row(2, "2026-11-05T12:00:00"),
        row(3, "2026-11-05T12:00:00", "2026-11-06T00:00:00"),
    ]
    write(tmp_path, "202611", *rows)
    assert pull(PlayConsoleExports(str(tmp_path)), window("2026-11-05", "2026-11-06")).ids == ["gp:AOqp1", "gp:AOqp2"]


def test_only_months_that_touch_the_window_are_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    for number, month in enumerate(("202511", "202609", "202610", "202611", "202612")):
        write(tmp_path, month, row(number, f"{month[:4]}-{month[4:]}-15"))
    source = PlayConsoleExports(str(tmp_path))
    assert pull(source, window("2026-10-10", "2026-12-01")).ids == ["gp:AOqp2", "gp:AOqp3"]
    assert "2 of 5 review exports" in caplog.text
    assert pull(source, window("2026-12-01", "2027-01-01")).ids == ["gp:AOqp4"]


def test_an_edited_review_comes_again_after_its_earlier_version(tmp_path: Path) -> None:
    write(tmp_path, "202610", row(1, "2026-10-02", text="Bad"))
    write(tmp_path, "202611", row(1, "2026-10-02", "2026-11-09", "Good"))
    before, after = pull(PlayConsoleExports(str(tmp_path))).rows
    assert [before.row["text"], after.row["text"]] == ["Bad", "Good"]
    assert before.row["id"] == after.row["id"]
    assert before.row["record_version"] != after.row["record_version"]


def test_all_apps_of_the_folder_are_read_unless_some_are_named(tmp_path: Path) -> None:
    write(tmp_path, "202611", row(1, "2026-11-02"))
    write(tmp_path, "202611", row(2, "2026-11-02", **{"Package Name": "org.example.app_two"}), app=f"{APP}_two")
    assert pull(PlayConsoleExports(str(tmp_path))).ids == ["gp:AOqp1", "gp:AOqp2"]
    (only,) = pull(PlayConsoleExports(str(tmp_path), (f"{APP}_two",))).rows
    assert only.row["app_id"] == "org.example.app_two"


def test_other_files_of_the_folder_are_left_alone(tmp_path: Path) -> None:
    write(tmp_path, "202611", row(1, "2026-11-02"))
    for name in ("reviews_overview.csv", f"reviews_{APP}_202613.csv", f"stats_{APP}_202611.csv", "notes.txt"):
        (tmp_path / name).write_bytes(b"not an export")
    assert pull(PlayConsoleExports(str(tmp_path))).ids == ["gp:AOqp1"]


def test_a_retry_goes_on_with_the_month_after_the_last_whole_one(tmp_path: Path) -> None:
    for number, month in enumerate(("202609", "202610", "202611")):
        write(tmp_path, month, row(number, f"{month[:4]}-{month[4:]}-15"))
    resume = {"after": f"reviews_{APP}_202609.csv"}
    assert pull(PlayConsoleExports(str(tmp_path)), resume=resume).ids == ["gp:AOqp1", "gp:AOqp2"]
    whole = pull(PlayConsoleExports(str(tmp_path)))
    assert whole.resume == {"after": f"reviews_{APP}_202611.csv"} and whole.rows_before_resume == 3


def test_a_month_that_changes_while_it_is_read_is_read_later(tmp_path: Path) -> None:
    write(tmp_path, "202611", row(1, "2026-11-02"), row(2, "2026-11-03"))
    items = PlayConsoleExports(str(tmp_path)).pull(ALWAYS, None)
    next(items)
    write(tmp_path, "202611", row(1, "2026-11-02"), row(2, "2026-11-03"), row(3, "2026-11-04"))
    with pytest.raises(RetryLater, match="changed while it was read"):
        list(items)


def test_a_folder_that_is_not_there_says_which_setting(tmp_path: Path) -> None:
    error = pull(PlayConsoleExports(str(tmp_path / "gone"))).error
    assert isinstance(error, ConfigurationError) and "GOOGLE_PLAY_EXPORTS" in str(error)


def test_an_app_without_a_file_says_which_setting(tmp_path: Path) -> None:
    write(tmp_path, "202611", row(1, "2026-11-02"))
    error = pull(PlayConsoleExports(str(tmp_path), (APP, "org.example.gone"))).error
    assert isinstance(error, ConfigurationError)
    assert "reviews_org.example.gone_YYYYMM.csv" in str(error) and "GOOGLE_PLAY_PACKAGE" in str(error)


def test_a_month_without_a_file_is_an_empty_one(tmp_path: Path) -> None:
    write(tmp_path, "202611", row(1, "2026-11-02"))
    pulled = pull(PlayConsoleExports(str(tmp_path)), window("2026-12-01", "2026-12-02"))
    assert (pulled.rows, pulled.error) == ([], None)


def test_a_file_with_other_columns_is_quarantined_not_skipped(tmp_path: Path) -> None:
    columns = [name for name in COLUMNS if name != "Review Text"]
    (tmp_path / f"reviews_{APP}_202611.csv").write_bytes(export([row(1, "2026-11-02")], columns))
    (bad,) = records(pull(PlayConsoleExports(str(tmp_path))).rows)
    assert isinstance(bad, UnreadableRecord)
    assert bad.record_id == f"reviews_{APP}_202611.csv#L1" and "columns" in bad.error_message


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"Review Link": ""}, "missing_id"),
        ({"Review Submit Millis Since Epoch": "soon"}, "bad_timestamp"),
    ],
)
def test_a_review_that_cannot_be_read_stops_no_other(tmp_path: Path, cells: dict[str, str], reason: str) -> None:
    write(tmp_path, "202611", row(1, "2026-11-02", **cells), row(2, "2026-11-02"))
    bad, good = records(pull(PlayConsoleExports(str(tmp_path))).rows)
    assert isinstance(bad, UnreadableRecord) and bad.error_type == reason
    assert good.record_id == "gp:AOqp2"


def test_exports_in_a_bucket_are_read(s3_server: S3Server, s3_environ: None) -> None:
    bucket = f"pubsite-{uuid.uuid4().hex}"
    fs = s3_server.file_system()
    fs.mkdir(bucket)
    for number, month in enumerate(("202610", "202611")):
        rows: list[dict[str, Any]] = [row(number, f"2026-{month[4:]}-15")]
        fs.pipe(f"{bucket}/reviews/reviews_{APP}_{month}.csv", export(rows))
    assert pull(PlayConsoleExports(f"s3://{bucket}/reviews/")).ids == ["gp:AOqp0", "gp:AOqp1"]


def test_a_bucket_without_any_credentials_says_so_instead_of_trying_again(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    error = pull(PlayConsoleExports("s3://pubsite/reviews")).error
    assert isinstance(error, ConfigurationError) and "credentials" in str(error)


REAL = Path(__file__).parents[4] / "shared" / "data" / "reviews_kiwix_play_console" / "raw_exports"
real_data = pytest.mark.skipif(not REAL.is_dir(), reason="the folder with real texts is not there")


@pytest.mark.real_data
@real_data
def test_every_real_review_with_a_text_becomes_a_record() -> None:
    rows = pull(PlayConsoleExports(str(REAL), ("org.kiwix.kiwixmobile",))).rows
    made = list(records(rows))
    assert len(made) == 576
    assert all(isinstance(one, Record) and one.record_id.startswith("gp:AOqp") for one in made)
    links = [one.source_url for one in made if isinstance(one, Record)]
    assert all(url and f"reviewid={one.record_id}" in url for url, one in zip(links, made, strict=True))


@pytest.mark.slow
@pytest.mark.real_data
@real_data
def test_real_nights_together_give_the_same_as_the_half_year_at_once() -> None:
    source = PlayConsoleExports(str(REAL))
    whole = Counter((row.row["id"], row.row["record_version"]) for row in pull(source).rows)
    months = [f"2016-{month:02d}-01" for month in range(6, 13)]
    bounds = sorted({*months, *(f"2016-{month:02d}-{day:02d}" for month in range(6, 12) for day in range(1, 31))})
    nights = Counter(
        (row.row["id"], row.row["record_version"])
        for start, end in itertools.pairwise(bounds)
        for row in pull(source, window(start, end)).rows
    )
    assert nights == whole
    assert max(whole.values()) == 1
