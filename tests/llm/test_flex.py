"""Flex: half the price, and refusals that delay a record and nobody else, until it goes at the standard tier."""

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from include.lake.paths import open_lake
from include.limits.limiter import Limiter
from include.limits.store import MemoryStore
from include.llm.call_meter import CallCounts
from include.llm.client import ChatClient
from include.llm.completion import Completion
from include.llm.endpoint import Endpoint
from include.llm.flex import FEWEST_REFUSALS, Flex, FlexPatience, names_tier, patient
from include.llm.learned import Learned
from include.llm.ledger import scan_ledger
from include.llm.providers.provider_errors import Failure, PassingTrouble, RateLimited, Refused, failure_of
from include.llm.providers.service_tier import FLEX_TIMEOUT_SECONDS, NoRoom, at_tier
from include.llm.retry import Caller
from include.llm.setbacks import LONGEST_WAIT_SECONDS
from tests.fault_server.plan import Plan, Rule
from tests.fault_server.running import FaultServer
from tests.llm.asking import AT_FLEX, PRICE, answer_texts, question_for
from tests.llm.speaking import Speaker
from tests.servers.provider import Answer as Reply
from tests.servers.provider import Asked

TEXTS = [f"Text number {number}. It works." for number in range(60)]
PATIENT = FlexPatience(600.0, 0.9)
NO_ROOM = ["resource_unavailable", "capacity_exceeded", "flex_overloaded"]


class Clock:
    """A clock that moves by what is slept."""

    now = 1_000.0

    def __init__(self) -> None:
        self.slept: list[float] = []

    def __call__(self) -> float:
        """Seconds."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Move on."""
        self.now += seconds
        self.slept.append(seconds)
        await asyncio.sleep(0)


def ask_once(server: FaultServer | Speaker, clock: Clock, patience: FlexPatience) -> tuple[Completion, CallCounts]:
    """Ask about one text at flex."""
    question, counts = question_for(server), CallCounts()

    async def ask() -> Completion:
        endpoint, learned = Endpoint(server.base_url, "key", is_demo=False), Learned(question)
        async with (
            ChatClient(endpoint, 1) as client,
            Limiter(MemoryStore(clock), "test", None, None, 1, 900.0, clock.sleep, clock) as limiter,
        ):
            caller = Caller(client, limiter, learned, clock=clock, sleep=clock.sleep, flex=Flex(patience, clock))
            return await caller.ask(question.body(question.prepare(TEXTS[0])), 500, counts)

    return asyncio.run(ask()), counts


def tiers_asked(server: FaultServer) -> list[str | None]:
    """The service tier of each request, in their order."""
    return [json.loads(entry.body or "{}").get("service_tier") for entry in server.log().requests]


def has_tripped(server: FaultServer, store: MemoryStore) -> bool:
    """Whether the circuit breaker has."""
    key = f"limit:{server.base_url} test-model"
    state: dict[str, Any] = asyncio.run(store.update(key, lambda state, _: (state, state)))
    return bool(state["closed_until"])


@pytest.mark.parametrize("fault", NO_ROOM)
@pytest.mark.parametrize("seconds", [20.0, 600.0, 5_000.0])
def test_a_record_that_flex_has_no_room_for_waits_and_then_goes_at_the_standard_tier(
    fault: str, seconds: float, fault_server: FaultServer
) -> None:
    fault_server.set_plan(Plan(rules=(Rule(fault=fault),), keep_bodies=True))
    clock = Clock()
    begun = clock()
    completion, counts = ask_once(fault_server, clock, FlexPatience(seconds, 0.9))
    *refused, last = tiers_asked(fault_server)
    assert set(refused) == {"flex"} and last == completion.service_tier == "default"
    assert seconds <= clock() - begun <= seconds + LONGEST_WAIT_SECONDS
    # With growing waits: it does not knock all the time.
    assert max(clock.slept) <= LONGEST_WAIT_SECONDS and len(refused) < 15 + seconds / 10
    assert (counts.requests, counts.retries, counts.rate_limited) == (len(refused) + 1, len(refused), 0)


def test_a_record_that_finds_room_in_time_is_answered_at_flex(fault_server: FaultServer) -> None:
    fault_server.set_plan(Plan(rules=(Rule(fault=NO_ROOM[0], times=6),)))
    completion, counts = ask_once(fault_server, Clock(), PATIENT)
    assert completion.service_tier == "flex"
    # The next question about the record has all the patience again.
    assert (counts.requests, counts.no_room_since) == (7, None)


def test_a_quarter_of_refusals_delays_those_records_and_nobody_else(fault_server: FaultServer, tmp_path: Path) -> None:
    fault_server.set_plan(Plan(rules=(Rule(fault=NO_ROOM[0], probability=0.25),), keep_bodies=True))
    store = MemoryStore()
    entries = answer_texts(fault_server, tmp_path, TEXTS, flex=PATIENT, store=store)
    refused = fault_server.counters().by_fault[NO_ROOM[0]]
    assert refused >= len(TEXTS) / 8
    assert not has_tripped(fault_server, store)
    assert {(entry.service.mode, entry.service.service_tier) for entry in entries.values()} == {("flex", "flex")}
    assert all(entry.answer is not None for entry in entries.values())
    assert sum(entry.effort.retries for entry in entries.values()) == refused
    assert sum(entry.effort.rate_limited for entry in entries.values()) == 0
    cost = sum(AT_FLEX.cost_usd(entry.effort.usage) for entry in entries.values())
    assert sum(entry.effort.cost_usd or 0 for entry in entries.values()) == pytest.approx(cost)


def test_the_same_refusals_in_the_words_of_a_rate_limit_do_trip_the_circuit_breaker(
    fault_server: FaultServer, tmp_path: Path
) -> None:
    fault_server.set_plan(Plan(rules=(Rule(fault="429_retry_after", settings={"seconds": 0.05}, calls=(1, 24)),)))
    store = MemoryStore()
    answer_texts(fault_server, tmp_path, TEXTS, flex=PATIENT, store=store)
    assert has_tripped(fault_server, store)


def test_where_nearly_all_is_refused_records_go_at_the_standard_tier_at_once(
    fault_server: FaultServer, tmp_path: Path
) -> None:
    fault_server.set_plan(Plan(rules=(Rule(fault=NO_ROOM[0]),), keep_bodies=True))
    store = MemoryStore()
    entries = answer_texts(fault_server, tmp_path, TEXTS, flex=PATIENT, store=store)
    tiers = tiers_asked(fault_server)
    # Each looks once whether there is room; a few did so before it showed that there is none.
    assert tiers.count("default") == len(TEXTS)
    assert len(TEXTS) <= tiers.count("flex") <= len(TEXTS) + 2 * FEWEST_REFUSALS
    assert not has_tripped(fault_server, store)
    assert {(entry.service.mode, entry.service.service_tier) for entry in entries.values()} == {("flex", "default")}
    for entry in entries.values():
        assert entry.effort.cost_usd == pytest.approx(PRICE.cost_usd(entry.effort.usage))


def test_flex_is_used_again_when_it_has_room() -> None:
    clock = Clock()
    flex = Flex(FlexPatience(600.0, 0.9), clock)
    for _ in range(FEWEST_REFUSALS - 1):
        flex.refused()
    assert flex.tier(clock()) == "flex"
    flex.refused()
    assert (flex.tier(clock()), flex.tier(None)) == ("default", "flex")
    for _ in range(3):
        flex.took("flex")
    assert flex.tier(clock()) == "flex"
    clock.now += 61
    assert flex.tier(clock() - 599) == "flex" and flex.tier(clock() - 600) == "default"


@pytest.mark.parametrize("fault", ["no_flex", "no_service_tier"])
def test_an_endpoint_that_takes_no_flex_any_more_is_asked_without_it(
    fault: str, fault_server: FaultServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    fault_server.set_plan(Plan(rules=(Rule(fault=fault, calls=(21, 100_000)),), keep_bodies=True))
    entries = answer_texts(fault_server, tmp_path, TEXTS, flex=PATIENT, in_flight=4)
    assert all(entry.answer is not None for entry in entries.values())
    tiers = [entry.service.service_tier for entry in entries.values()]
    assert (tiers.count("flex"), tiers.count("default")) == (20, len(TEXTS) - 20)
    assert fault_server.counters().by_fault[fault] <= 4
    assert caplog.text.count("takes no service_tier flex any more") == 1


def test_an_endpoint_that_knows_none_of_the_names_is_asked_without_any(tmp_path: Path) -> None:
    def groq(asked: Asked) -> Reply:
        tier = json.loads(asked.body).get("service_tier")
        if tier == "flex":
            return Reply(498, {"error": {"message": "Over capacity", "type": "capacity_exceeded"}})
        if tier is not None:
            words = "service_tier must be one of on_demand, flex, auto"
            return Reply(400, {"error": {"message": words, "type": "invalid_request_error"}})
        said = json.dumps({"mood": "good", "summary": "It works.", "quote": 1})
        return Reply(200, {"choices": [{"message": {"content": said}, "finish_reason": "stop"}]})

    with Speaker(groq) as server:
        completion, counts = ask_once(server, Clock(), FlexPatience(60.0, 0.9))
        tiers = [json.loads(asked.body).get("service_tier") for asked in server.asked]
    assert completion.service_tier is None and counts.requests == len(tiers)
    assert tiers[-2:] == ["default", None] and set(tiers[:-2]) == {"flex"}


def test_what_was_paid_for_nothing_is_priced_at_its_tier(fault_server: FaultServer, tmp_path: Path) -> None:
    fault_server.set_plan(Plan(rules=(Rule(fault="empty_content", marker="Text number 0", times=1),)))
    answer_texts(fault_server, tmp_path, TEXTS[:2], flex=PATIENT)
    wasted = [entry for entry in scan_ledger(open_lake(str(tmp_path)), f"{tmp_path}/ledger") if entry.is_unusable]
    assert [(entry.service.mode, entry.service.service_tier) for entry in wasted] == [("flex", "flex")]
    assert wasted[0].effort.cost_usd == AT_FLEX.cost_usd(wasted[0].effort.usage) > 0


def test_a_second_try_goes_on_at_flex_and_keeps_what_it_knows(fault_server: FaultServer, tmp_path: Path) -> None:
    first = answer_texts(fault_server, tmp_path, TEXTS[:20], flex=FlexPatience(0.0, 0.9))
    fault_server.set_plan(Plan(rules=(Rule(fault=NO_ROOM[0]),)))
    entries = answer_texts(fault_server, tmp_path, TEXTS[:40], flex=FlexPatience(0.0, 0.9))
    assert {text: entries[text] for text in first} == first
    tiers = [entries[text].service.service_tier for text in TEXTS[:40]]
    assert tiers == ["flex"] * 20 + ["default"] * 20
    assert all(entry.effort.requests == 2 for entry in entries.values() if entry not in first.values())


@pytest.mark.parametrize("budget_share", [0.3, 0.6])
def test_the_budget_holds_although_flex_runs_out_of_room(
    budget_share: float, fault_server: FaultServer, tmp_path: Path
) -> None:
    whole = answer_texts(fault_server, tmp_path / "whole", TEXTS)
    cost = sum(entry.effort.cost_usd or 0 for entry in whole.values())
    # The first ten at flex, all others at twice their price.
    fault_server.set_plan(Plan(rules=(Rule(fault=NO_ROOM[0], calls=(11, 100_000)),)))
    budget = cost * budget_share
    entries = answer_texts(
        fault_server, tmp_path / "flex", TEXTS, flex=FlexPatience(0.0, 0.9), budget_usd=budget, in_flight=16
    )
    costs = [entry.effort.cost_usd or 0 for entry in entries.values()]
    # An answer costs what it costs on the average until it is there: the last one may be dearer, sixteen would be more.
    assert 0.7 * budget < sum(costs) < budget + max(costs) / 2


REFUSALS = [
    (429, {"error": {"message": "Resource Unavailable", "type": "resource_unavailable", "code": None}}, NoRoom),
    (429, {"error": {"message": "Resource unavailable. Try later.", "code": None}}, NoRoom),
    (429, {"error": {"message": "Flex tier capacity exceeded"}}, NoRoom),
    (429, {"error": {"message": "Rate limit reached", "code": "rate_limit_exceeded"}}, RateLimited),
    (498, {"error": {"message": "Over capacity", "code": "capacity_exceeded"}}, NoRoom),
    (503, {"error": {"message": "Overloaded", "status": "UNAVAILABLE"}}, NoRoom),
    (503, {"error": {"message": "Overloaded", "type": "server_error"}}, PassingTrouble),
    (500, {"error": {"message": "Resource unavailable"}}, PassingTrouble),
]


@pytest.mark.parametrize(("status", "body", "kind"), REFUSALS)
def test_only_what_asked_for_flex_is_refused_for_want_of_room(
    status: int, body: dict[str, Any], kind: type[Failure]
) -> None:
    endpoint, sent = Endpoint("https://api.openai.com/v1", "key", is_demo=False), b'{"messages":[]}'
    raw = json.dumps(body).encode()
    assert type(failure_of(status, {}, raw, endpoint, at_tier(sent, "flex"))) is kind
    for other in (sent, at_tier(sent, "default")):
        assert not isinstance(failure_of(status, {}, raw, endpoint, other), NoRoom)


@pytest.mark.parametrize(
    ("said", "param", "found"),
    [
        ("Invalid service_tier argument", None, True),
        ("Not allowed", "service_tier", True),
        ("flex is not available for this model", None, True),
        ("Flex API is not supported for model", None, True),
        ("This deployment does not support flex", None, True),
        ("Flex processing is for paid customers", None, True),
        ("Invalid schema: a flexible object", None, False),
        ("Unsupported parameter: temperature", "temperature", False),
    ],
)
def test_a_refused_tier_is_told_from_other_refusals(said: str, param: str | None, found: bool) -> None:
    raw = json.dumps({"error": {"message": said, "param": param}}).encode()
    refused = failure_of(400, {}, raw, Endpoint("https://api.openai.com/v1", "key", is_demo=False))
    assert isinstance(refused, Refused) and names_tier(refused) is found


def test_a_body_with_a_tier_is_the_same_question() -> None:
    body = b'{"model":"m","messages":[]}'
    assert json.loads(at_tier(body, "flex")) == {"model": "m", "messages": [], "service_tier": "flex"}
    assert at_tier(body, None) is body


def test_a_call_at_flex_may_take_a_quarter_of_an_hour() -> None:
    usual = Endpoint("https://api.openai.com/v1", "key", is_demo=False)
    assert patient(usual).timeout_seconds == FLEX_TIMEOUT_SECONDS == 900.0
    longer = Endpoint("https://api.openai.com/v1", "key", is_demo=False, timeout_seconds=1_800.0)
    assert patient(longer).timeout_seconds == 1_800.0
