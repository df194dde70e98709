"""The folder `include/pipelines/survey_answers/`: what it bundles fits together."""

import typing
from typing import Any

import pytest

from include.llm.prompt import load_prompt
from include.pipelines.definition import Pipeline
from include.pipelines.survey_answers.expectations import FIELDS_THAT_VARY
from include.pipelines.survey_answers.output import Kind, Sentiment, Theme, Weight
from include.sources.record import Record, UnreadableRecord
from tests.pipelines.folder_contract import PULLED_AT, FolderContract, Labels, sample_lines
from tests.quality.judging import Judged, judge, table

CLOSED_SETS = {"kind": Kind, "theme": Theme, "sentiment": Sentiment, "weight": Weight}
GOOD_ROW = {
    "record_id": "a",
    "record_version": "1",
    "source": "survey_answers",
    "occurred_at": PULLED_AT,
    "text": "The pool was cold. Please heat it.",
    "quote": "The pool was cold.",
    "summary": "The pool was cold.",
    "suggestion": "Heat the pool.",
    "kind": "problem",
    "theme": "facilities",
    "sentiment": "negative",
    "weight": "medium",
    "language": "en",
}
NOTHING = {
    **GOOD_ROW,
    "record_id": "b",
    "text": "n/a",
    "quote": None,
    "summary": "Says nothing.",
    "suggestion": "",
    "kind": "no_answer",
    "theme": "general",
    "sentiment": "neutral",
    "weight": "low",
}


class TestSurveyAnswers(FolderContract):
    """What every folder must hold; what only this one must hold comes below."""

    name = "survey_answers"

    def test_the_sample_is_large_enough_to_judge_a_prompt_by(self, labels: Labels) -> None:
        assert len(labels) == 36

    def test_the_sample_holds_what_surveys_are_made_of(self, pipeline: Pipeline, texts: dict[str, str]) -> None:
        """Hostile, awkward and empty-handed answers stay in it, so that every demo run shows what becomes of them."""
        together = "\n".join(texts.values())
        hazards = ("Ignore your previous instructions", "</record>", "=SUM(", "❤️", "スタッフ", "n/a", "\n\n")
        assert [hazard for hazard in hazards if hazard not in together] == []
        assert max(len(text) for text in texts.values()) > 500
        # What is read as markup, or redacted, is in the sample all the same.
        sample = b"".join(sample_lines(pipeline))
        assert b"@example.com" in sample and b"<b>" in sample

    def test_the_model_reads_the_answer_alone_until_more_is_shown_to_help(self, pipeline: Pipeline) -> None:
        """A small model copies the score; the version that shows it waits for `make try` on a better one."""
        assert "v2" in pipeline.prompt_versions()
        shown = {
            version: load_prompt(pipeline.folder, version, pipeline.answer).attribute_lines
            for version in (pipeline.prompt_version, "v2")
        }
        assert shown == {"v1": (), "v2": ("question: {question}", "score: {score} of 10")}

    def test_personal_data_does_not_stay(self, texts: dict[str, str]) -> None:
        assert "<EMAIL_1>" in texts["SV-3043"]
        assert "<PHONE_1>" in texts["SV-3127"]
        assert "@example.com" not in "\n".join(texts.values())

    def test_scores_are_those_of_the_question(self, pulled: list[Record | UnreadableRecord]) -> None:
        """From 0, would not recommend at all, to 10."""
        scores = [row.attributes["score"] for row in pulled if isinstance(row, Record)]
        assert set(scores) <= set(range(11))

    def test_labels_use_every_value_of_every_closed_set(self, labels: Labels) -> None:
        """A score over labels that leave a value out would say nothing about it."""
        for field, values in CLOSED_SETS.items():
            assert {label[field] for label in labels.values()} == set(typing.get_args(values)), field

    def test_labels_keep_the_rules_of_the_descriptions(self, labels: Labels) -> None:
        """What the schema cannot say: an answer that says nothing has no sentence, no wish and no weight."""
        for record_id, label in labels.items():
            assert (label["kind"] == "no_answer") == (label["quote"] is None), record_id
            if label["kind"] == "no_answer":
                assert (label["theme"], label["suggestion"], label["weight"]) == ("general", "", "low"), record_id
            if label["kind"] in ("praise", "suggestion", "question"):
                assert label["weight"] == "low", record_id


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    """The pipeline, for the rules about single rows."""
    from include.pipelines.registry import load_pipeline

    return load_pipeline("survey_answers")


def warnings(result: Judged) -> list[str]:
    """Sentences about records that did not hold and only warn."""
    return [
        outcome.expectation
        for outcome in result.result.outcomes
        if outcome.table == "records" and not outcome.success and outcome.severity == "warning"
    ]


def test_good_rows_pass_without_a_warning(pipeline: Pipeline) -> None:
    result = judge(pipeline, table(pipeline, [GOOD_ROW, NOTHING]))
    assert result.success
    assert warnings(result) == []


def test_each_bad_value_fails_its_record_for_one_reason(pipeline: Pipeline) -> None:
    """Exactly one expectation fails, and it is about that column."""
    bad = [
        ("language", "EN"),
        ("summary", ""),
        ("summary", "x" * 161),
        ("suggestion", "x" * 161),
        ("quote", "It was warm."),
    ]
    rows = [
        GOOD_ROW,
        *({**GOOD_ROW, "record_id": str(number), field: value} for number, (field, value) in enumerate(bad)),
    ]
    failing = judge(pipeline, table(pipeline, [*rows, NOTHING])).failing_records
    assert sorted(map(int, failing)) == list(range(len(bad)))
    for number, (field, _) in enumerate(bad):
        (sentence,) = failing[str(number)]
        assert sentence.startswith(f"{field} must ")


def test_which_labels_must_differ_in_a_night() -> None:
    """Most answers weigh little."""
    assert FIELDS_THAT_VARY == ("kind", "theme", "sentiment")


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ({**GOOD_ROW, "quote": None}, "quote"),
        ({**NOTHING, "suggestion": "Heat the pool."}, "suggestion"),
        ({**NOTHING, "weight": "high"}, "weight"),
    ],
)
def test_labels_that_contradict_each_other_are_a_warning(row: dict[str, Any], column: str, pipeline: Pipeline) -> None:
    """The answer stays readable; somebody should look at the prompt."""
    result = judge(pipeline, table(pipeline, [GOOD_ROW, NOTHING, {**row, "record_id": "odd"}]))
    assert result.success
    (warning,) = warnings(result)
    assert warning.startswith(f"{column} must ")
