"""Where a folder breaks its contract, the message names the file and the record, or says what a run would say."""

import sys
from dataclasses import replace
from types import ModuleType

import pytest
from great_expectations import expectations as expect

from include.pipelines.registry import load_pipeline
from include.quality.golden import load_golden
from tests.pipelines.folder_contract import FolderContract, Labels, as_the_model_says_it, check_ids

TICKETS = load_pipeline("support_tickets")
FILE = "include/pipelines/support_tickets/golden/labels.jsonl"
TEXTS = {"a": "It leaks. Please help.", "b": "It works."}


def labels() -> Labels:
    """Two labels that fit."""
    first = next(iter(load_golden(TICKETS).values()))
    return {"b": {**first, "escalation_quote": None}, "a": {**first, "escalation_quote": "It leaks."}}


def test_labels_may_stand_in_any_order() -> None:
    check_ids(TICKETS, TEXTS, labels())


def test_a_label_or_a_sample_that_is_missing_is_named_with_the_file() -> None:
    only_b = {"b": labels()["b"]}
    with pytest.raises(pytest.fail.Exception, match=f"{FILE}: there is no label for record_id a"):
        check_ids(TICKETS, TEXTS, only_b)
    with pytest.raises(pytest.fail.Exception, match=f"{FILE}: there is no sample for record_id b"):
        check_ids(TICKETS, {"a": TEXTS["a"]}, labels())


def test_a_quote_that_is_no_whole_sentence_is_named_with_its_record_and_file() -> None:
    label = {**labels()["a"], "escalation_quote": "It leak."}
    sentences = ["It leaks.", "Please help."]
    with pytest.raises(pytest.fail.Exception) as caught:
        as_the_model_says_it(TICKETS, "a", label, sentences)
    message = str(caught.value)
    assert f"{FILE}: record_id a: escalation_quote 'It leak.' is none of the whole sentences" in message
    assert all(sentence in message for sentence in sentences)
    assert as_the_model_says_it(TICKETS, "a", labels()["a"], sentences)["escalation_quote"] == 1


def test_an_expectation_about_a_column_that_there_is_not_fails_with_the_words_of_a_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = ModuleType("include.pipelines.made_up.expectations")
    says = {"says": "volume must be there"}
    own.__dict__["FIELDS_THAT_VARY"] = ()
    own.__dict__["expectations"] = lambda: {
        "records": [expect.ExpectColumnValuesToNotBeNull(column="volume", meta=says)]
    }
    monkeypatch.setitem(sys.modules, own.__name__, own)
    pipeline = replace(TICKETS, name="made_up")
    with pytest.raises(AssertionError, match=r"volume must be there \(could not run: .*volume"):
        FolderContract().test_the_labels_pass_the_gate(pipeline, TEXTS, labels())
