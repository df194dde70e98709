"""Run the benchmarks: one JSON object a line on standard output, what is going on to standard error.

    python -m tests.bench                      all
    python -m tests.bench fanout memory        some: fanout, memory, limiter, gauntlet, reuse, tokens
    python -m tests.bench --quick              all of them with little work, to see that they run
    python -m tests.bench fanout --peers       beside other bulk libraries too; each gets an environment below .bench/

The clients are pinned to one core and the server to another where there are two; ratios are taken within one run.
"""

import argparse
import sys

from tests.bench import fanout, gauntlet, limiter, memory, reuse, tokens
from tests.bench.line import Settings
from tests.bench.processes import pin_server

BENCHES = {
    "fanout": fanout.run,
    "memory": memory.run,
    "reuse": reuse.run,
    "tokens": tokens.run,
    "gauntlet": gauntlet.run,
    "limiter": limiter.run,
}


def main(arguments: list[str] | None = None) -> int:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__.splitlines()[0])
    parser.add_argument("benches", nargs="*", choices=[*BENCHES, []], help="default: all")
    parser.add_argument("--quick", action="store_true", help="little work")
    parser.add_argument("--peers", action="store_true", help="other bulk libraries too")
    given = parser.parse_args(arguments)
    pin_server()
    for name in given.benches or BENCHES:
        print(f"{name} ...", file=sys.stderr, flush=True)
        for line in BENCHES[name](Settings(is_quick=given.quick, with_peers=given.peers)):
            print(line.to_json(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
