"""Who answers in `make run`: one's own endpoint wherever one is set, recorded answers to the bundled weeks alone."""

import itertools
import re
import sqlite3
from pathlib import Path

import pytest

from include.errors import ConfigurationError
from include.local.choice import BY_DEFAULT, OWN_ENDPOINT, choose, chosen_pipelines
from include.local.own_file import own_file


def saved_connection(home: Path) -> Path:
    """A standalone Airflow's database in which somebody has saved `openai_default`."""
    with sqlite3.connect(home / "airflow.db") as database:
        database.execute("CREATE TABLE connection (conn_id TEXT)")
        database.execute("INSERT INTO connection VALUES ('openai_default')")
    database.close()
    return home


def test_pipelines_are_chosen_by_name_and_a_wrong_name_is_told() -> None:
    assert chosen_pipelines(None) == list(BY_DEFAULT)
    assert chosen_pipelines("survey_answers, support_tickets") == ["survey_answers", "support_tickets"]
    with pytest.raises(ConfigurationError, match="tickets_of_support"):
        chosen_pipelines("tickets_of_support")


def test_without_any_endpoint_the_recorded_weeks_are_played(tmp_path: Path) -> None:
    choice = choose({"PIPELINES": "", "MODEL": ""}, tmp_path)
    assert (choice.answers, choice.pipelines) == ("recorded", list(BY_DEFAULT))


@pytest.mark.parametrize("others", [{}, {"MODEL": "gpt-6-terra"}, {"PIPELINES": "survey_answers"}])
def test_with_an_endpoint_nothing_is_replayed_in_whatever_order_settings_come(
    tmp_path: Path, others: dict[str, str]
) -> None:
    for names in (names for count in (1, 2) for names in itertools.permutations(OWN_ENDPOINT, count)):
        assert choose({**others, **dict.fromkeys(names, "something")}, tmp_path).answers == "endpoint"
        assert choose({**dict.fromkeys(names, "something"), **others}, tmp_path).answers == "endpoint"
    assert choose(others, saved_connection(tmp_path)).answers == "endpoint"


def test_a_model_of_ones_own_reaches_the_runs(tmp_path: Path) -> None:
    environ = {"OPENAI_API_KEY": "k", "NIGHTSHIFT_MODEL": "old"}
    assert choose({**environ, "MODEL": "gpt-6-terra"}, tmp_path).environ["NIGHTSHIFT_MODEL"] == "gpt-6-terra"
    assert choose({**environ, "MODEL": ""}, tmp_path).environ["NIGHTSHIFT_MODEL"] == "old"


def test_the_bundled_model_is_asked_where_it_is_named_and_no_key_reaches_it(tmp_path: Path) -> None:
    environ = dict.fromkeys((*OWN_ENDPOINT, "NIGHTSHIFT_MODEL"), "something") | {"MODEL": "bundled"}
    choice = choose({**environ, "PIPELINES": "survey_answers"}, tmp_path)
    assert (choice.answers, choice.pipelines) == ("bundled", ["survey_answers"])
    assert not {*OWN_ENDPOINT, "NIGHTSHIFT_MODEL"} & choice.environ.keys()
    with pytest.raises(ConfigurationError, match="openai_default"):
        choose(environ, saved_connection(tmp_path))


def test_a_file_of_ones_own_is_read_where_there_is_a_model(tmp_path: Path) -> None:
    environ = {"FILE": "t.csv", "PIPELINES": "support_tickets"}
    own = own_file(environ)
    given = choose({**environ, "MODEL": "bundled"}, tmp_path, own).environ["NIGHTSHIFT_SOURCE_SUPPORT_TICKETS"]
    assert given == str(Path.cwd() / "t.csv")
    with pytest.raises(ConfigurationError, match=r"FILE=t.csv.*OPENAI_API_KEY.*MODEL=bundled.* FILE=t.csv DRY=1"):
        choose(environ, tmp_path, own)


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"PIPELINES": "survey_answers"}, "Nothing is recorded for survey_answers.*OPENAI_API_KEY.*MODEL=bundled"),
        ({"NIGHTSHIFT_SOURCE_SUPPORT_TICKETS": "t.csv"}, "support_tickets is set up to read.*MODEL=bundled"),
        ({"ZENDESK_CONNECTION": "zendesk"}, "support_tickets is set up to read.*MODEL=bundled"),
        ({"MODEL": "qwen3"}, "MODEL=qwen3.*OPENAI_BASE_URL.*MODEL=bundled"),
        ({"NIGHTSHIFT_MODEL": "qwen3"}, "NIGHTSHIFT_MODEL=qwen3.*OPENAI_BASE_URL.*MODEL=bundled"),
    ],
)
def test_what_nobody_can_answer_is_said_at_once_with_the_ways_out(
    tmp_path: Path, environ: dict[str, str], said: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        choose(environ, tmp_path)
    assert re.search(said, str(raised.value))
