"""`make bench`: the benchmarks, one JSON object a line on standard output, progress on standard error.

python -m tests.bench                              all of them
python -m tests.bench fanout gauntlet --peers      these, beside other people's libraries
python -m tests.bench limiter --cases 30000-4      those cases of the limiter whose name has this in it
python -m tests.bench storm --cases=-              all cases of the storm
python -m tests.bench night --rows 1000000         a night of so many records
"""

import argparse
import json
import os
import sys

from tests.bench import current, fanout, gauntlet, limiter, memory, night, reuse, sources, storm, themes, tokens
from tests.bench.measuring import Options, tell

BENCHES = {
    "fanout": fanout.run,
    "memory": memory.run,
    "limiter": limiter.run,
    "gauntlet": gauntlet.run,
    "storm": storm.run,
    "reuse": reuse.run,
    "current": current.run,
    "sources": sources.run,
    "tokens": tokens.run,
    "night": night.run,
    "themes": themes.run,
}


def main() -> None:
    """Run those that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Benchmarks, as JSON lines.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(BENCHES)}; none: all")
    parser.add_argument("--peers", action="store_true", help="other libraries too, in environments below .bench/")
    parser.add_argument("--profile", action="store_true", help="where the CPU time of `fanout` goes")
    parser.add_argument("--cases", help="cases of `limiter` and `storm` whose names have this in them")
    parser.add_argument("--rows", type=int, nargs="+", default=(), help="sizes of `night`")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: shows that all works, and measures nothing")
    given = parser.parse_args()
    unknown = [name for name in given.names if name not in BENCHES]
    if unknown:
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    options = Options(given.quick, given.peers, given.profile, given.cases, tuple(given.rows))
    # Airflow's log, the servers and some libraries write to standard output too, where only figures belong.
    figures = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for name in given.names or BENCHES:
        tell(f"{name} ...")
        for line in BENCHES[name](options):
            print(json.dumps(line), file=figures, flush=True)


if __name__ == "__main__":
    main()
