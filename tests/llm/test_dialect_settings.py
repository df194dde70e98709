"""How a model is asked where a person says it, and what is known of providers before they are asked."""

import json
import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from include.errors import ConfigurationError
from include.llm.endpoint import OPENAI_BASE_URL, Endpoint, resolve_endpoint
from include.llm.providers.dialect import THINKING_TOKENS, first_dialect
from include.llm.providers.dialect_settings import KEYWORDS, dialect_settings
from include.llm.providers.table import family_of, provider_at
from include.pipelines.chain import build_chain
from include.pipelines.registry import load_pipeline

PROVIDERS = Path("include/llm/providers")
TICKETS = load_pipeline("support_tickets")
MODERN = "max_completion_tokens"
THINKING_OFF = {"chat_template_kwargs": {"enable_thinking": False}}


@pytest.mark.parametrize("given", [None, "", "{}", {}])
def test_nothing_that_is_set_sets_nothing(given: Any) -> None:
    assert dialect_settings(given, "NIGHTSHIFT_DIALECT") == {}


def test_every_key_and_value_reaches_the_question() -> None:
    text = json.dumps(
        {
            "structure": "tool", "cap_name": "max_completion_tokens", "temperature": False, "effort": "low",
            "strict": False, "without": ["pattern", "$ref"], "body": THINKING_OFF,
        }
    )  # fmt: skip
    dialect = first_dialect("qwen3", "http://x/v1", dialect_settings(text, "NIGHTSHIFT_DIALECT"))
    assert str(dialect) == (
        "tool, max_completion_tokens, no temperature, effort low, 4000 tokens for thinking, not strict, "
        "with chat_template_kwargs"
    )
    assert (dialect.without, dialect.body) == (("pattern", "$ref"), THINKING_OFF)


@pytest.mark.parametrize(
    ("given", "named", "listed"),
    [
        ("structure: tool", "no JSON object", "structure"),
        ("[1]", "no JSON object", "structure"),
        (7, "no JSON object", "structure"),
        ({"structur": "tool"}, "'structur'", "structure, cap_name, temperature, effort, strict, without, body"),
        ({"structure": "xml"}, 'structure="xml"', '"json_schema", "json_object", "tool", "text"'),
        ({"structure": ["text"]}, 'structure=["text"]', '"json_schema"'),
        ({"cap_name": "tokens"}, 'cap_name="tokens"', '"max_tokens", "max_completion_tokens"'),
        ({"temperature": 0}, "temperature=0", "true, false"),
        ({"strict": "yes"}, 'strict="yes"', "true, false"),
        ({"effort": "huge"}, 'effort="huge"', '"none", "minimal", "low"'),
        ({"without": ["maxlength"]}, 'without=["maxlength"]', ", ".join(KEYWORDS)),
        ({"without": "pattern"}, 'without="pattern"', ", ".join(KEYWORDS)),
        ({"body": {"stream": True, "model": "x"}}, "model, stream", "further fields"),
        ({"body": "x"}, "something else than an object", "further fields"),
        ({"body": {"extra_body": {"model": "x"}, "functions": []}}, "extra_body, functions", "further fields"),
    ],
)
def test_a_wrong_key_or_value_is_named_with_its_setting_and_with_what_there_is(
    given: Any, named: str, listed: str
) -> None:
    for written in [given, given if isinstance(given, str) else json.dumps(given)]:
        with pytest.raises(ConfigurationError, match=r"^NIGHTSHIFT_DIALECT ") as caught:
            dialect_settings(written, "NIGHTSHIFT_DIALECT")
        assert named in str(caught.value) and listed in str(caught.value)


@pytest.mark.parametrize(
    "given",
    ['{"body": {"a": NaN}}', '{"body": {"a": "\\ud800"}}', '{"body":' * 2_000, {"body": {1: 2}}, {"body": {"a": {1}}}],
)
def test_what_could_not_be_sent_or_written_down_is_no_setting(given: Any) -> None:
    with pytest.raises(ConfigurationError, match="NIGHTSHIFT_DIALECT is no JSON object"):
        dialect_settings(given, "NIGHTSHIFT_DIALECT")


def test_the_connection_goes_before_the_environment_and_that_before_the_pipeline_and_what_is_known() -> None:
    environ = {"OPENAI_API_KEY": "k-1", "NIGHTSHIFT_DIALECT": '{"structure": "tool", "strict": false}'}
    extra = {"dialect": {"structure": "text"}}
    endpoint = resolve_endpoint(environ=environ, extra=extra)
    assert endpoint.dialect == {"structure": "text", "strict": False}
    pipeline = replace(TICKETS, dialect={"strict": True, "temperature": False, "cap_name": "max_tokens"})
    dialect = build_chain(pipeline, endpoint, "gpt-4.1-mini", "v1").question.dialect
    assert (dialect.structure, dialect.strict, dialect.temperature) == ("text", False, False)
    assert (dialect.cap_name, dialect.without) == ("max_tokens", ("minLength", "maxLength"))
    with pytest.raises(ConfigurationError, match="dialect in the extra of the Airflow connection openai_default"):
        resolve_endpoint(environ=environ, extra={"dialect": {"x": 1}})


def test_what_a_pipeline_says_of_its_model_is_checked_and_not_said_of_the_bundled_one() -> None:
    with pytest.raises(ConfigurationError, match=r"dialect in .*pipeline\.py cannot be used: it has no key 'x'"):
        replace(TICKETS, dialect={"x": 1})
    pipeline, bundled = replace(TICKETS, dialect={"structure": "text"}), resolve_endpoint(environ={})
    for endpoint, structure in ((bundled, "json_schema"), (Endpoint("http://x/v1", None, is_demo=False), "text")):
        assert build_chain(pipeline, endpoint, "qwen3", "v1").question.dialect.structure == structure
    assert TICKETS.dialect == {}


@pytest.mark.parametrize(
    ("base_url", "name", "key_header", "is_charged_ahead", "structure", "cap_name"),
    [
        (OPENAI_BASE_URL, "OpenAI", None, True, "json_schema", MODERN),
        ("https://eu.api.openai.com/v1", "OpenAI", None, True, "json_schema", MODERN),
        ("https://x.openai.azure.com/openai/v1", "Azure OpenAI", "api-key", True, "json_schema", MODERN),
        ("https://x.services.ai.azure.com/v1", "Azure OpenAI", "api-key", True, "json_schema", MODERN),
        ("https://x.cognitiveservices.azure.com", "Azure OpenAI", "api-key", True, "json_schema", MODERN),
        ("https://api.anthropic.com/v1", "Anthropic", None, False, "json_schema", "max_tokens"),
        ("https://api.deepseek.com", "DeepSeek", None, False, "json_object", "max_tokens"),
        ("https://api.deepseek.com.evil.test/v1", "", None, False, "json_schema", "max_tokens"),
        ("https://openai.com.evil.test/v1", "", None, False, "json_schema", "max_tokens"),
        ("http://127.0.0.1:8000/v1", "", None, False, "json_schema", "max_tokens"),
    ],
)  # fmt: skip
def test_providers_are_known_by_their_host(
    base_url: str, name: str, key_header: str | None, is_charged_ahead: bool, structure: str, cap_name: str
) -> None:
    provider, dialect = provider_at(base_url), first_dialect("some-model", base_url)
    assert (provider.name, provider.key_header) == (name, key_header)
    assert (dialect.structure, dialect.cap_name) == (structure, cap_name)
    assert provider.charges_what_was_asked is is_charged_ahead
    assert dialect.fixed == ()


def test_models_that_think_have_room_unless_they_are_told_not_to() -> None:
    for effort, room in (("none", 0), ("high", THINKING_TOKENS), (None, THINKING_TOKENS)):
        assert first_dialect("gpt-6-luna", OPENAI_BASE_URL, {"effort": effort}).thinking_tokens == room
    assert first_dialect("qwen3", "http://x/v1", {"effort": None}).thinking_tokens == 0
    assert family_of("gpt-5-chat-latest").effort is None


def test_the_table_says_what_a_setting_may_say_and_the_page_has_its_rows() -> None:
    rows = tomllib.loads((PROVIDERS / "table.toml").read_text())
    page = (PROVIDERS / "README.md").read_text()
    for row in rows["provider"]:
        own = row.get("dialect", {})
        assert dialect_settings(own, row["name"]) == own
        assert f"| {row['name']} |" in page
        assert all(host.lstrip("*.") in page for host in row["hosts"][:3])
    for row in rows["family"]:
        re.compile(row["pattern"])
