"""Tables with a row for each utterance."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from include.errors import ConfigurationError
from include.sources.record import Record, UnreadableRecord
from tests.sources.reading import read_all

HEAD = "id,speaker,text,start,queue\n"
FIRST = "C-1,agent,Hello.,0,billing\nC-1,customer,It broke.,2,billing\nC-1,customer,All of it.,4,billing\n"
SECOND = "C-2,customer,Where is my lamp?,0,orders\n"


def records(folder: Path, content: str, name: str = "calls.csv") -> list[Record]:
    (folder / name).write_text(content)
    found = read_all(folder / name)
    assert all(isinstance(each, Record) for each in found), found
    return [each for each in found if isinstance(each, Record)]


def texts(folder: Path, content: str) -> dict[str, str]:
    return {record.record_id: record.text for record in records(folder, content)}


def test_the_rows_of_a_call_are_one_record_with_its_turns(tmp_path: Path) -> None:
    first, second = records(tmp_path, HEAD + FIRST + SECOND)
    assert first.text == "agent: Hello.\ncustomer: It broke.\ncustomer: All of it."
    assert first.attributes == {
        "queue": "billing",
        "speakers": "2",
        "duration_seconds": None,
        "turn_seconds": "[0.0,2.0,4.0]",
    }
    assert (second.record_id, second.text) == ("C-2", "Where is my lamp?")
    assert second.attributes["speaker"] == "customer"


@pytest.mark.parametrize(
    "content",
    [
        "id,speaker,text,turn\nC,customer,It broke.,10\nC,agent,Hello.,9\n",
        "id,Speaker,Message,Start Time\nC,customer,It broke.,00:01:10\nC,agent,Hello.,00:00:09\n",
        "id,role,content,timestamp\nC,customer,It broke.,2026-11-20T10:01:00Z\nC,agent,Hello.,2026-11-20T10:00:00Z\n",
        "id,sender,body\nC,agent,Hello.\nC,customer,It broke.\n",
    ],
)
def test_turns_are_in_the_order_that_the_rows_say(tmp_path: Path, content: str) -> None:
    assert texts(tmp_path, content) == {"C": "agent: Hello.\ncustomer: It broke."}


def test_a_call_began_with_its_first_utterance(tmp_path: Path) -> None:
    rows = "C,agent,Hello.,2026-11-20T10:00:00Z\nC,customer,It broke.,2026-11-20T10:01:00Z\n"
    (record,) = records(tmp_path, "id,speaker,text,created_at\n" + rows)
    assert record.occurred_at == datetime(2026, 11, 20, 10, tzinfo=UTC)


def test_rows_of_a_call_that_do_not_stand_together_stop_the_run_with_words(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"calls\.csv#L\d+: .*Sort the file by the id"):
        records(tmp_path, HEAD + FIRST + SECOND + "C-1,agent,Bye.,9,billing\n")
    with pytest.raises(ConfigurationError, match="do not stand together"):
        records(tmp_path, HEAD + SECOND + FIRST + SECOND.replace("lamp", "chair"))


def test_a_row_that_cannot_be_read_costs_itself_only(tmp_path: Path) -> None:
    (tmp_path / "calls.csv").write_text(HEAD + FIRST.replace("customer,It", "customer,a,b,It") + SECOND)
    first, second, third = read_all(tmp_path / "calls.csv")
    assert isinstance(first, UnreadableRecord) and "L2" in first.record_id
    assert isinstance(second, Record) and second.text == "agent: Hello.\ncustomer: All of it."
    assert isinstance(third, Record) and third.record_id == "C-2"


def test_columns_of_single_utterances_are_lists_in_the_order_of_the_turns(tmp_path: Path) -> None:
    rows = "C,2,b,Hi.,angry,north\nC,1,a,Hello.,calm,north\n"
    (made,) = records(tmp_path, "id,turn,role,text,mood,Agent Team\n" + rows)
    assert made.text == "a: Hello.\nb: Hi."
    assert (made.attributes["mood"], made.attributes["agent_team"]) == ('["calm","angry"]', "north")
    assert {"turn", "role", "text"}.isdisjoint(made.attributes)


@pytest.mark.parametrize(
    "content",
    [
        "id,role,text,updated_at\n1,buyer,Old,2026-11-20T10:00:00Z\n1,buyer,New one,2026-11-21T10:00:00Z\n",
        "id,author,text\n1,Ida,Old one\n1,Ida,New one\n",
        "id,role,text\n1,buyer,Old one\n2,buyer,Other\n1,buyer,New one\n",
        "id,text\n1,Old one\n1,New one\n",
    ],
)
def test_versions_of_a_record_are_no_utterances(tmp_path: Path, content: str) -> None:
    found = records(tmp_path, content)
    assert len(found) == content.count("\n") - 1
    assert all(":" not in record.text for record in found)


def test_rows_without_an_id_are_not_taken_for_one_call(tmp_path: Path) -> None:
    (tmp_path / "calls.csv").write_text(HEAD + ",agent,Hello.,0,a\n,customer,It broke.,1,a\n")
    assert len(read_all(tmp_path / "calls.csv")) == 2
