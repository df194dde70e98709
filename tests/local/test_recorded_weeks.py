"""The recorded weeks: every text can be read, and every one that is asked about has one answer that a night accepts."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from include.answer.structured_output import parse_answer, split_sentences
from include.lake.paths import open_lake
from include.lake.write import write_table
from include.llm.chain import split_chunks
from include.llm.endpoint import RECORDED_MODEL
from include.pipelines.definition import Pipeline
from include.pipelines.registry import load_pipeline
from include.report.by_date import read_by_date
from include.report.news_words import change_line
from include.sources.files.files import Files
from include.sources.normalise import Normaliser
from include.sources.record import Record, UnreadableRecord
from include.sources.source import SourceRow, Window
from tests.quality.judging import judge, table

RECORDED = Path(__file__).parents[2] / "include" / "local" / "recorded"
PIPELINES = sorted(folder.name for folder in RECORDED.iterdir() if folder.is_dir())
WEEKS = (1, 2, 3)
FIRST_MONDAY = datetime(2026, 11, 2, tzinfo=UTC)
AFTER_ALL = datetime(2026, 11, 23, tzinfo=UTC)
TEXTS_A_WEEK = {"app_store_reviews": 24, "call_transcripts": 8, "support_tickets": 16}
LATE = {"app_store_reviews": 1, "call_transcripts": 0, "support_tickets": 0}
EDITED = {"app_store_reviews": 1, "call_transcripts": 0, "support_tickets": 0}
FIRST_REPLIES = {"app_store_reviews": ["rate_limited"], "call_transcripts": [], "support_tickets": ["broken"]}
LANGUAGES = {
    "app_store_reviews": {"en", "de", "fr", "es", "pt", "ja", "it", "nl", "xx"},
    "call_transcripts": {"en", "de"},
    "support_tickets": {"en", "de", "fr", "es"},
}
# What the release of the second week broke.
BROKEN_TOPIC = {"app_store_reviews": "login", "call_transcripts": "account_access", "support_tickets": "account_access"}
_HOST = re.compile(r"(?:[\w.+-]+@|https?://)([\w.-]+\w)")


@dataclass(frozen=True)
class Text:
    """One line of a week's file: as it stands there, and as a night reads it."""

    week: int
    line: dict[str, Any]
    row: Record | UnreadableRecord
    changed_at: datetime

    @property
    def key(self) -> tuple[str, int]:
        """By which its answer is found."""
        return self.row.record_id, self.week


@pytest.fixture(params=PIPELINES)
def pipeline(request: pytest.FixtureRequest) -> Pipeline:
    """A pipeline that has recorded weeks."""
    return load_pipeline(request.param)


@cache
def texts_of(name: str) -> list[Text]:
    """The lines of all weeks, read as `extract` reads them: cleaned, redacted, checked."""
    return [text for week in WEEKS for text in _read(load_pipeline(name), week)]


def _read(pipeline: Pipeline, week: int) -> Iterator[Text]:
    path = RECORDED / pipeline.name / f"week-{week}.jsonl"
    lines = json_lines(path)
    normaliser = Normaliser(pipeline.name, pipeline.attributes, AFTER_ALL, redaction=pipeline.redaction, environ={})
    items = Files(str(path), "the recorded weeks").pull(Window(None, AFTER_ALL), None)
    for line, row in zip(lines, (item for item in items if isinstance(item, SourceRow)), strict=True):
        record = normaliser.record(row.row, row.place)
        moment = row.changed_at or record.occurred_at
        assert moment is not None, row.place
        yield Text(week, line, record, moment)


def records_of(name: str) -> dict[tuple[str, int], Record]:
    """The records that are asked about, by id and week."""
    most = load_pipeline(name).max_text_characters
    return {
        text.key: text.row for text in texts_of(name) if isinstance(text.row, Record) and len(text.row.text) <= most
    }


@cache
def answers_of(name: str) -> list[dict[str, Any]]:
    """The lines of the answers' file."""
    return json_lines(RECORDED / name / "answers.jsonl")


def json_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSONL file."""
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line.strip()]


def stored_answers(pipeline: Pipeline) -> dict[tuple[str, int], dict[str, Any]]:
    """The answers as a night stores them, their quotes word for word."""
    records = records_of(pipeline.name)
    stored = {}
    for line in answers_of(pipeline.name):
        key = (line["id"], line["week"])
        stored[key] = parse_answer(pipeline.answer, json.dumps(line["answer"]), split_sentences(records[key].text))
    return stored


def test_each_week_has_its_number_of_texts(pipeline: Pipeline) -> None:
    counts = Counter(text.week for text in texts_of(pipeline.name))
    assert counts == dict.fromkeys(WEEKS, TEXTS_A_WEEK[pipeline.name])


def test_every_text_that_is_asked_about_has_one_answer(pipeline: Pipeline) -> None:
    """No answer is without its text, and none stands there twice."""
    answered = [(line["id"], line["week"]) for line in answers_of(pipeline.name)]
    assert sorted(answered) == sorted(records_of(pipeline.name))


def test_at_most_one_text_ends_in_quarantine(pipeline: Pipeline) -> None:
    assert len(texts_of(pipeline.name)) - len(records_of(pipeline.name)) <= 1


def test_an_answer_is_what_the_model_is_asked_for(pipeline: Pipeline) -> None:
    """Of the answer's own form, each quote a sentence of the redacted text; notes for each chunk of a long text."""
    stored_answers(pipeline)
    records = records_of(pipeline.name)
    for line in answers_of(pipeline.name):
        assert {"id", "week", "answer"} <= set(line) <= {"id", "week", "answer", "notes", "first_reply"}
        text = records[line["id"], line["week"]].text
        chunking = pipeline.chunking
        chunks = split_chunks(text, chunking.chunk_characters) if chunking else []
        assert len(line.get("notes", ())) == (len(chunks) if len(chunks) > 1 else 0), line["id"]
        for notes in line.get("notes", ()):
            assert chunking is not None
            parse_answer(chunking.notes, json.dumps(notes), [])


def test_all_answers_pass_the_gate(pipeline: Pipeline) -> None:
    records = records_of(pipeline.name)
    rows = [
        {
            # One gate looks at all weeks, where an edited record stands twice.
            "record_id": f"{record_id} in week {week}",
            "record_version": records[record_id, week].record_version,
            "source": pipeline.name,
            "occurred_at": records[record_id, week].occurred_at,
            "text": records[record_id, week].text,
            **answer,
        }
        for (record_id, week), answer in stored_answers(pipeline).items()
    ]
    judged = judge(pipeline, table(pipeline, rows))
    assert judged.success
    assert judged.failed == []


def test_the_server_stumbles_where_the_story_says(pipeline: Pipeline) -> None:
    given = [line["first_reply"] for line in answers_of(pipeline.name) if "first_reply" in line]
    assert given == FIRST_REPLIES[pipeline.name]


def test_times_lie_in_their_week_but_for_what_comes_late(pipeline: Pipeline) -> None:
    """A late one is young enough for the next night to look back for it."""
    late = 0
    for text in texts_of(pipeline.name):
        begin = FIRST_MONDAY + timedelta(weeks=text.week - 1)
        late += text.changed_at < begin
        assert begin - pipeline.lookback <= text.changed_at < begin + timedelta(weeks=1), text.key
    assert late == LATE[pipeline.name]


def test_an_id_comes_again_only_where_its_text_was_edited(pipeline: Pipeline) -> None:
    seen: dict[str, Text] = {}
    for text in texts_of(pipeline.name):
        before = seen.setdefault(text.row.record_id, text)
        if before is not text:
            assert text.week > before.week
            assert text.line["created_at"] == before.line["created_at"]
            assert text.changed_at > before.changed_at
            assert text.row.record_version != before.row.record_version
    assert len(texts_of(pipeline.name)) - len(seen) == EDITED[pipeline.name]
    samples = [line for path in (pipeline.folder / "samples").glob("*.jsonl") for line in json_lines(path)]
    assert not seen.keys() & {line["id"] for line in samples}


def test_no_text_comes_twice(pipeline: Pipeline) -> None:
    """A text that is known is not paid for again, and its answer would be one."""
    texts = Counter(record.text for record in records_of(pipeline.name).values())
    assert [text for text, count in texts.items() if count > 1] == []


def test_every_record_has_the_columns_of_the_pipeline(pipeline: Pipeline) -> None:
    for text in texts_of(pipeline.name):
        assert {"id", "created_at", "source_url", *pipeline.attributes} <= set(text.line), text.key
        if isinstance(text.row, Record):
            assert text.row.source_url == text.line["source_url"]
            for name, kind in pipeline.attributes.items():
                assert isinstance(text.row.attributes[name], kind), (text.key, name)


def test_customers_write_in_many_languages(pipeline: Pipeline) -> None:
    assert {answer["language"] for answer in stored_answers(pipeline).values()} >= LANGUAGES[pipeline.name]


def test_the_broken_release_shows_in_the_second_week(pipeline: Pipeline) -> None:
    report_fields = pipeline.report_fields
    counts: Counter[int] = Counter()
    for (_, week), answer in stored_answers(pipeline).items():
        items = answer[report_fields.items] if report_fields.items else [answer]
        counts[week] += any(item[report_fields.topic] == BROKEN_TOPIC[pipeline.name] for item in items)
    assert counts[2] > max(counts[1], counts[3]), counts


def test_the_report_of_the_second_week_has_it_as_news_and_that_of_the_third_has_none(tmp_path: Path) -> None:
    name = "app_store_reviews"
    pipeline, lake, records = load_pipeline(name), open_lake(str(tmp_path)), records_of(name)
    news, rows = [], {}
    for week in WEEKS:
        for (record_id, of_week), answer in stored_answers(pipeline).items():
            record, keys = records[record_id, of_week], ("rating", "app_version")
            attributes = {f"attr_{key}": record.attributes[key] for key in keys}
            row = {"occurred_at": record.occurred_at, "model": RECORDED_MODEL, **attributes, **answer}
            rows |= {record_id: row} if of_week == week else {}
        table = pa.Table.from_pylist([*rows.values()])
        write_table(lake, lake.current_file(name, "2026-11-01").replace("part-01", "part"), table)
        end = FIRST_MONDAY + timedelta(weeks=week)
        found = read_by_date(lake, pipeline, end, week, is_recorded=True)
        assert found is not None
        news.append([change_line(pipeline, found, row) for row in found.news])
    assert news[0] == news[2] == []
    assert news[1] == [
        "Login: 9 of 23 reviews this week (5 to 14), up from 1 of 24 the week before; "
        "7 of 9 with rating 1 (of all others 1 of 14); 9 of 9 with app version 6.5.0 (of all others 7 of 14)"
    ]


def test_hosts_are_those_that_belong_to_nobody(pipeline: Pipeline) -> None:
    files = [path.read_text(encoding="utf-8") for path in (RECORDED / pipeline.name).glob("*.jsonl")]
    hosts = {host for file in files for host in _HOST.findall(file)}
    assert hosts
    assert {host for host in hosts if not re.fullmatch(r"example\.(?:com|org|net)", host)} == set()


def test_personal_data_is_redacted(pipeline: Pipeline) -> None:
    """Customers write it, so a report of the recorded weeks shows what becomes of it."""
    together = "\n".join(record.text for record in records_of(pipeline.name).values())
    assert len(set(re.findall(r"<([A-Z]+)_\d+>", together))) >= 2
    assert "@" not in together
