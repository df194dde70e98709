"""Which price a model has, by whatever name and gateway it is asked, and what its answers cost."""

import importlib.metadata
from dataclasses import asdict
from pathlib import Path

import genai_prices
import orjson
import pytest
from pydantic import TypeAdapter

from include.errors import ConfigurationError
from include.lake.effort import Usage
from include.llm.prices import OWN_TABLE_COLUMNS, Price, check_budget, load_price, usd
from include.llm.usage import usage_of

OPENAI, PUBLIC, PRIVATE = "https://api.openai.com/v1", "https://203.0.114.9/v1", "http://10.1.2.3:4000/v1"
LUNA = (0.1, 0.01, 0.125, 0.5)


def rates(price: Price | None) -> tuple[float | None, ...] | None:
    """USD for a million tokens: fresh, read from the cache, kept in it, answered."""
    return price and (price.input_usd, price.cached_input_usd, price.cache_write_usd, price.output_usd)


def test_prices_are_those_of_a_package_that_is_new_enough() -> None:
    version = tuple(int(part) for part in importlib.metadata.version("genai-prices").split("."))
    assert version >= (0, 2, 3) and genai_prices.calc_price is not None
    price = load_price("gpt-6-luna", OPENAI, {})
    assert rates(price) == LUNA and price is not None and price.as_of.startswith("genai-prices ")


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("gpt-6-luna-2026-09-22", "gpt-6-luna"),
        ("openai/gpt-6-luna", "gpt-6-luna"),
        ("openrouter/openai/gpt-6-luna", "gpt-6-luna"),
        ("azure/gpt-6-luna", "gpt-6-luna"),
        ("litellm_proxy/gpt-6-luna", "gpt-6-luna"),
        ("GPT-6-Luna", "gpt-6-luna"),
        ("gpt-4.1-mini-2025-04-14", "gpt-4.1-mini"),
        ("gpt-4.1-mini-20250414", "gpt-4.1-mini"),
        ("ft:gpt-4.1-mini-2025-04-14:team::abc", "gpt-4.1-mini"),
        ("openai/ft:gpt-4.1-mini-2025-04-14:team::abc", "gpt-4.1-mini"),
        ("claude-haiku-4-5-20251001", "claude-haiku-4-5"),
        ("anthropic/claude-haiku-4.5", "claude-haiku-4-5"),
        ("bedrock/anthropic.claude-haiku-4-5", "claude-haiku-4-5"),
        ("vertex_ai/claude-haiku-4-5@20251001", "claude-haiku-4-5"),
        ("models/gemini-2.5-flash", "gemini-2.5-flash"),
        ("gemini/gemini-2.5-flash", "gemini-2.5-flash"),
    ],
)
@pytest.mark.parametrize("gateway", [PUBLIC, PRIVATE])
def test_a_model_has_its_price_by_every_name_and_behind_every_gateway(name: str, plain: str, gateway: str) -> None:
    price = load_price(name, gateway, {})
    assert price is not None and price.output_usd > 0
    assert rates(price) == rates(load_price(plain, PUBLIC, {}))


@pytest.mark.parametrize("name", ["gpt-4o-mini", "gpt-4.1-nano", "gpt-5-mini", "o3", "gpt-5.4-mini", "claude-opus-4-5"])
def test_models_that_end_soon_or_have_ended_keep_their_price(name: str) -> None:
    assert load_price(name, OPENAI, {}) is not None


def test_a_fine_tuned_model_that_costs_more_than_its_base_has_its_own_price() -> None:
    assert rates(load_price("ft:gpt-4o-mini-2024-07-18:team::abc", OPENAI, {})) == (0.3, 0.3, 0.3, 1.2)


def test_a_provider_that_is_known_by_its_host_has_its_own_price_list() -> None:
    at_groq = load_price("llama-3.3-70b-versatile", "https://api.groq.com/openai/v1", {})
    assert at_groq is not None and at_groq.output_usd > 0
    assert load_price("llama-3.3-70b-versatile", PUBLIC, {}) is None


@pytest.mark.parametrize(
    "name", ["qwen3", "Qwen/Qwen3-32B", "gpt-oss:20b", "openai/gpt-oss-120b", "google/gemma-3-27b-it"]
)
@pytest.mark.parametrize(
    "host", ["127.0.0.1:8000", "10.0.0.7", "192.168.1.4:11434", "[::1]:8080", "[fd12::1]", "localhost"]
)
def test_an_open_model_on_ones_own_machines_costs_nothing(name: str, host: str) -> None:
    price = load_price(name, f"http://{host}/v1", {})
    assert price is not None and price.cost_usd(Usage(1_000_000, 0, 1_000_000)) == 0.0


@pytest.mark.parametrize("name", ["qwen3", "my-deployment", "gpt-99"])
def test_what_nobody_knows_has_no_price(name: str) -> None:
    assert load_price(name, PUBLIC, {}) is None
    with pytest.raises(ConfigurationError, match=rf"(?s){name}.*0\.0010 USD.*NIGHTSHIFT_PRICES"):
        check_budget(None, name, 0.001)


@pytest.fixture
def own(tmp_path: Path) -> dict[str, str]:
    """A table of one's own."""
    path = tmp_path / "prices.csv"
    path.write_text(f"{OWN_TABLE_COLUMNS}\ngpt-6-luna,7,0.7,70,2026-11-01\nqwen3,0.2,0.2,0.4,2026-11-01\n")
    return {"NIGHTSHIFT_PRICES": str(path)}


def test_ones_own_table_goes_before_all_else(own: dict[str, str]) -> None:
    assert rates(load_price("gpt-6-luna", OPENAI, own)) == (7, 0.7, 7, 70)
    assert rates(load_price("openai/gpt-6-luna", PUBLIC, own)) == (7, 0.7, 7, 70)
    assert rates(load_price("qwen3", PRIVATE, own)) == (0.2, 0.2, 0.2, 0.4)
    assert rates(load_price("gpt-4.1-mini", OPENAI, own)) == (0.4, 0.1, 0.4, 1.6)


def test_ones_own_table_may_say_what_a_tier_costs(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    rows = ["luna,3,0.3,30,2026-11-01,", "luna,1,0.1,12,2026-11-01,flex", "sol,1,1,1,2026-11-01,flex"]
    path.write_text("\n".join([f"{OWN_TABLE_COLUMNS},service_tier", *rows]))
    price = load_price("azure/luna", PUBLIC, {"NIGHTSHIFT_PRICES": str(path)})
    assert price is not None and rates(price) == (3, 0.3, 3, 30)
    assert price.cost_usd(Usage(1000, 500, 100), "flex") == pytest.approx((500 * 1 + 500 * 0.1 + 100 * 12) / 1e6)
    # Cached tokens and fresh ones cost three times as much, answers two and a half times.
    assert (price.dearest_by("flex"), price.dearest_by("priority")) == (pytest.approx(3), 1)
    # A price of flex alone does not say what an answer costs that is not billed at it.
    assert load_price("sol", PUBLIC, {"NIGHTSHIFT_PRICES": str(path)}) is None


@pytest.mark.parametrize(
    "row", ["gpt-6-luna,cheap,0,0,x", "gpt-6-luna,nan,0,0,x", "gpt-6-luna,-1,0,0,x", "gpt-6-luna,1"]
)
def test_a_table_that_cannot_be_read_is_said(tmp_path: Path, row: str) -> None:
    path = tmp_path / "prices.csv"
    path.write_text(f"{OWN_TABLE_COLUMNS}\n{row}\n")
    for table in (path, tmp_path / "missing.csv"):
        with pytest.raises(ConfigurationError, match="NIGHTSHIFT_PRICES"):
            load_price("gpt-6-luna", OPENAI, {"NIGHTSHIFT_PRICES": str(table)})


@pytest.mark.parametrize(
    ("usage", "tier", "cost"),
    [
        (Usage(1000, 0, 100), None, 1000 * 0.1 + 100 * 0.5),
        (Usage(1000, 900, 100, cache_write_tokens=50), "default", 50 * 0.1 + 900 * 0.01 + 50 * 0.125 + 100 * 0.5),
        (Usage(272_000, 0, 100), None, 272_000 * 0.1 + 100 * 0.5),
        (Usage(272_001, 200_000, 100), None, 72_001 * 0.2 + 200_000 * 0.02 + 100 * 0.75),
        (Usage(1000, 500, 100), "flex", 500 * 0.05 + 500 * 0.005 + 100 * 0.25),
        (Usage(1000, 900, 100, cache_write_tokens=50), "flex", 50 * 0.05 + 900 * 0.005 + 50 * 0.0625 + 100 * 0.25),
        (Usage(272_001, 200_000, 100), "flex", 72_001 * 0.1 + 200_000 * 0.01 + 100 * 0.375),
        (Usage(300_000, 0, 100, cache_write_tokens=100_000), None, 200_000 * 0.2 + 100_000 * 0.25 + 100 * 0.75),
        (Usage(300_000, 0, 100, cache_write_tokens=100_000), "flex", 200_000 * 0.1 + 100_000 * 0.125 + 100 * 0.375),
        (Usage(1000, 0, 100), "priority", 1000 * 0.2 + 100 * 1.0),
        *[(Usage(1000, 0, 100), tier, 1000 * 0.1 + 100 * 0.5) for tier in ("auto", "standard", "on_demand", "scale")],
        (Usage(1000, 0, 100), "a tier that nobody knows", 1000 * 0.1 + 100 * 0.5),
    ],
)
def test_tokens_cost_what_the_provider_bills(usage: Usage, tier: str | None, cost: float) -> None:
    price = load_price("gpt-6-luna", OPENAI, {})
    assert price is not None
    # What a plan keeps is the same price.
    kept = TypeAdapter(Price).validate_json(orjson.dumps(asdict(price)))
    for one in (price, kept):
        assert one is not None and one.cost_usd(usage, tier) == pytest.approx(cost / 1_000_000)


@pytest.mark.parametrize(
    ("said", "usage"),
    [
        ({"prompt_tokens_details": {"cached_tokens": 600, "cache_write_tokens": 300}}, (600, 300)),
        ({"prompt_tokens_details": {"cached_tokens": 600, "cache_creation_tokens": 300}}, (600, 300)),
        ({"prompt_tokens_details": {"cached_tokens": 600}, "cache_creation_input_tokens": 300}, (600, 300)),
        ({"cache_read_input_tokens": 600, "cache_creation_input_tokens": 300}, (600, 300)),
        ({"prompt_cache_hit_tokens": 600, "prompt_cache_miss_tokens": 400}, (600, 0)),
        ({"cached_tokens": 600}, (600, 0)),
        ({"prompt_tokens_details": None}, (0, 0)),
        ({"prompt_tokens_details": {"cached_tokens": 5000, "cache_write_tokens": 5000}}, (1000, 0)),
        ({"prompt_tokens_details": {"cached_tokens": "many", "cache_write_tokens": -1}}, (0, 0)),
    ],
)
def test_cached_tokens_are_found_by_the_names_that_gateways_give_them(
    said: dict[str, object], usage: tuple[int, int]
) -> None:
    found = usage_of({"usage": {"prompt_tokens": 1000, "completion_tokens": 50, **said}})
    assert (found.cached_tokens, found.cache_write_tokens) == usage
    assert (found.prompt_tokens, found.completion_tokens) == (1000, 50)


@pytest.mark.parametrize(
    ("details", "reasoning"), [({"reasoning_tokens": 30}, 30), ({"reasoning_tokens": 99}, 50), (None, 0)]
)
def test_tokens_of_thinking_are_a_part_of_the_answers(details: object, reasoning: int) -> None:
    said = {"prompt_tokens": 1000, "completion_tokens": 50, "completion_tokens_details": details}
    assert usage_of({"usage": said}).reasoning_tokens == reasoning


@pytest.mark.parametrize(
    ("said", "thought", "completion"),
    [
        ({"total_tokens": 135, "completion_tokens_details": {"reasoning_tokens": 94}}, 94, 103),
        ({"total_tokens": 1016}, 0, 984),
        ({"total_tokens": 41, "completion_tokens_details": {"reasoning_tokens": 4}}, 4, 9),
        ({"total_tokens": "many"}, 0, 9),
        ({"total_tokens": 1}, 0, 9),
    ],
)
def test_thinking_that_is_billed_beside_the_answer_is_counted(
    said: dict[str, object], thought: int, completion: int
) -> None:
    found = usage_of({"usage": {"prompt_tokens": 32, "completion_tokens": 9, **said}})
    assert (found.reasoning_tokens, found.completion_tokens) == (thought, completion)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "unknown"), (0.0, "0.00 USD"), (1e-7, "0.00000010 USD"), (0.00298, "0.0030 USD"), (0.03, "0.030 USD"),
        (0.5, "0.50 USD"), (0.9999, "1.00 USD"), (20.0, "20.00 USD"), (1234.5, "1234.50 USD"),
    ],
)  # fmt: skip
def test_money_is_never_rounded_to_nothing(value: float | None, said: str) -> None:
    assert usd(value) == said
