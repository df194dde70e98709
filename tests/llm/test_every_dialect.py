"""Whatever a vendor's API takes of a question: it is learned in a few requests, and each text is asked about once."""

import asyncio
import json
import logging
from pathlib import Path

import pytest

from include.llm.endpoint import Endpoint
from include.llm.preflight import MOST_REFUSED, check_endpoint
from tests.fault_server import FaultServer, Plan
from tests.fault_server.dialects import SPOKEN, dialects_table
from tests.llm.asking import answer_texts, question_for

TEXTS = [f"Order {number} has not arrived. Please send it again." for number in range(60)]
# How each is asked in the end, and how many forms of the question it refuses before.
LEARNED = {
    "openai": ("max_completion_tokens, no temperature, effort minimal, 4000 tokens for thinking", 4),
    "anthropic": ("max_tokens, temperature 0", 2),
    "gemini": ("max_tokens, temperature 0", 1),
    "deepseek": ("json_object, max_tokens, temperature 0", 1),
    "groq": ("json_object, max_tokens, temperature 0", 1),
    "mistral": ("max_tokens, temperature 0", 0),
    "litellm": ("tool, max_tokens, temperature 0, not strict", 1),
    "fastapi_tools": ("tool, max_tokens, temperature 0, not strict", 1),
    "text_only": ("text, max_tokens, temperature 0", 2),
    "no_grammar": ("text, max_tokens, temperature 0", 3),
    "moonshot": ("max_tokens, no temperature, effort none", 1),
    "no_call": ("text, max_tokens, temperature 0", 2),
    "llamacpp": ("max_tokens, temperature 0", 1),
}


@pytest.mark.parametrize("name", SPOKEN)
def test_each_dialect_is_learned_before_a_record_is_paid_for(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    asked, refusals = LEARNED[name]
    with FaultServer(Plan(dialect=name, keep_bodies=True)) as server:
        found = asyncio.run(check_endpoint(Endpoint(server.base_url, "key", is_demo=False), question_for(server)))
        assert (str(found.dialect), found.requests) == (asked, refusals + 1)
        assert refusals <= MOST_REFUSED
        # Each of them is said, in the endpoint's own words.
        assert sum("does not take" in line for line in caplog.messages) == refusals
        entries = answer_texts(server, tmp_path, TEXTS, dialect=found.dialect)
        log = server.log()
    assert [entries[text].error_message for text in TEXTS] == [None] * 60
    assert log.counters.requests == refusals + 1 + 60
    body = json.loads(log.requests[-1].body or "")
    kinds = (body.get("response_format", {}).get("type"), "tools" in body)
    assert kinds == {"json_object": ("json_object", False), "tool": (None, True), "text": (None, False)}.get(
        found.dialect.structure, ("json_schema", False)
    )


def test_the_fault_servers_page_lists_every_dialect() -> None:
    page = Path("tests/fault_server/README.md").read_text(encoding="utf-8")
    assert dialects_table() in page, "Copy the table from --list into the README."
