"""Every benchmark runs and prints what people compare."""

import json
import subprocess
import sys

import pytest

from tests.bench.processes import ROOT

METRICS = {
    "fanout": {"rows_per_second", "cpu_ms_per_row"},
    "memory": {"peak_mb"},
    "reuse": {"lookup_seconds", "index_mb"},
    "tokens": {
        "prefix_per_record",
        "schema_per_record",
        "text_per_record",
        "answer_per_record",
        "cacheable_share_of_prompt",
    },
    "gauntlet": {"delivered", "rejected", "seconds"},
    "limiter": {"utilisation", "rejected"},
}


@pytest.mark.slow
@pytest.mark.parametrize("bench", METRICS)
def test_a_benchmark_prints_its_lines(bench: str) -> None:
    command = [sys.executable, "-m", "tests.bench", bench, "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["metric"] for line in lines} == METRICS[bench]
    assert {line["bench"] for line in lines} == {bench}
    assert all(isinstance(line["value"], int | float) and line["unit"] for line in lines)
    assert all(("peer" in line) == ("ratio" in line) for line in lines)


@pytest.mark.slow
def test_the_gauntlet_loses_no_row() -> None:
    command = [sys.executable, "-m", "tests.bench", "gauntlet", "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    delivered = [line["value"] for line in lines if line["metric"] == "delivered"]
    assert delivered == [30, 28, 30]
