"""Every benchmark runs and prints what it promises. Figures at such small sizes mean nothing and are not looked at."""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from include.pipelines.registry import pipeline_names
from tests.bench.__main__ import BENCHES
from tests.bench.limiter import ALL, USUAL
from tests.bench.storm import ALL as STORMS
from tests.bench.storm import USUAL as USUAL_STORMS
from tests.themes.nights import REAL_DATA

pytestmark = pytest.mark.slow

METRICS = {
    "fanout": {"rows_per_second", "cpu_ms_per_row", "profile"},
    "memory": {"peak_mb", "peak_ratio"},
    "limiter": {"utilisation", "rejected"},
    "gauntlet": {"delivered", "rejected", "seconds"},
    "storm": {"seconds", "of_faultless", "ratio"},
    "current": {"cpu_seconds"},
    "reuse": {"lookup_seconds", "first_lookup_seconds", "lookup_bytes"},
    "sources": {"records_per_second", "peak_mb", "peak_ratio"},
    "night": {"peak_mb", "cpu_seconds", "records_per_second", "peak_ratio"},
    "themes": {"seconds", "peak_mb"} | ({"stability", "adjusted_rand"} if REAL_DATA.is_dir() else set()),
    "tokens": {
        *("tokens_per_record", "cacheable_share", "openai_cacheable_share"),
        *("usd_with_cache", "usd_without_cache"),
    },
}
# With the fault server, processes and a profile; and what a prompt costs, which is changed most often.
IN_EVERY_RUN = ("fanout", "tokens")
Lines = list[dict[str, Any]]


def printed(*names: str) -> Lines:
    """What benchmarks print at their smallest."""
    command = [sys.executable, "-m", "tests.bench", "--quick", "--profile", *names]
    # Only a benchmark that hangs takes so long, however busy the machine.
    done = subprocess.run(command, cwd=Path(__file__).parents[2], check=True, stdout=subprocess.PIPE, timeout=900)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def lines() -> Lines:
    """Of those that are looked at in every run."""
    return printed(*IN_EVERY_RUN)


@pytest.fixture(scope="module")
def lines_of_all() -> Lines:
    """Of all benchmarks."""
    return printed()


def of(lines: Lines, bench: str) -> Lines:
    return [line for line in lines if line["bench"] == bench]


def check_metrics(lines: Lines, benches: Iterable[str]) -> None:
    assert {name: {line["metric"] for line in of(lines, name)} for name in benches} == {
        name: METRICS[name] for name in benches
    }
    assert all(isinstance(line["value"], int | float) and line["unit"] for line in lines)


def test_a_benchmark_prints_all_its_metrics_and_says_their_units(lines: Lines) -> None:
    check_metrics(lines, IN_EVERY_RUN)


@pytest.mark.long
def test_each_benchmark_prints_all_its_metrics_and_says_their_units(lines_of_all: Lines) -> None:
    check_metrics(lines_of_all, BENCHES)


def test_a_peer_comes_with_its_value_and_the_ratio_of_ours_to_it(lines: Lines) -> None:
    beside = [line for line in lines if "peer" in line]
    assert {line["peer"] for line in beside} == {
        "bare_aiohttp_pydantic",
        "openai_aiohttp_loop",
        "openai_httpx_loop",
        "one_shard",
    }
    comparable = [line for line in beside if line["peer_value"]]
    assert all(line["ratio"] == pytest.approx(line["value"] / line["peer_value"], rel=0.01) for line in comparable)
    assert all(line["ratio"] is None for line in beside if line not in comparable)


@pytest.mark.long
def test_the_value_of_a_line_is_always_ours_and_a_peer_s_stands_beside_it(lines_of_all: Lines) -> None:
    delivered = [line for line in of(lines_of_all, "gauntlet") if line["metric"] == "delivered"]
    (alone,) = [line for line in delivered if line["processes"] == 1 and "peer" not in line]
    beside = [line for line in delivered if "peer" in line]
    assert {line["peer"] for line in beside} == {"openai_aiohttp_loop"}
    assert {line["value"] for line in beside} == {alone["value"]}


@pytest.mark.long
def test_a_shard_of_any_size_is_answered_whole(lines_of_all: Lines) -> None:
    peaks = [line for line in of(lines_of_all, "memory") if line["metric"] == "peak_mb"]
    assert [line["delivered"] for line in peaks] == [line["rows"] for line in peaks] == [50, 500]


@pytest.mark.long
def test_the_gauntlet_delivers_every_row_however_many_processes_run_it(lines_of_all: Lines) -> None:
    cases = [line for line in of(lines_of_all, "gauntlet") if line["metric"] == "delivered" and "peer" not in line]
    configured = [(line["processes"], line["configured_per_minute"]) for line in cases]
    assert configured == [(1, "not configured"), (4, 1200)]
    assert [line["value"] for line in cases] == [line["rows"] for line in cases]


@pytest.mark.long
def test_a_storm_loses_no_row(lines_of_all: Lines) -> None:
    assert {(line["rows"], line["case"]) for line in of(lines_of_all, "storm")} == {(40, "8-10-10")}
    assert {case.name for case in STORMS} >= USUAL_STORMS


@pytest.mark.long
def test_the_limiter_is_measured_with_both_stores(lines_of_all: Lines) -> None:
    assert {line["store"] for line in of(lines_of_all, "limiter")} == {"embedded", "valkey"}
    assert {case.name for case in ALL} >= USUAL


@pytest.mark.long
def test_a_look_up_finds_the_keys_that_were_published_and_no_others(lines_of_all: Lines) -> None:
    assert {(line["wanted"], line["found"]) for line in of(lines_of_all, "reuse")} == {(20, 0), (20, 2)}


def test_the_tokens_of_a_record_are_split_for_every_pipeline(lines: Lines) -> None:
    parts = ("instructions_tokens", "schema_tokens", "text_tokens", "answer_tokens")
    whole = [line for line in of(lines, "tokens") if line["metric"] == "tokens_per_record"]
    assert {line["pipeline"] for line in whole} == set(pipeline_names())
    assert all(line["value"] == pytest.approx(sum(line[part] for part in parts), abs=0.5) for line in whole)
