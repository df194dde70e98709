"""`python -m tests.fault_server --port 8099`: a provider to try a pipeline against."""

import argparse
import asyncio
import json
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.fault_server.catalogue import markdown_table
from tests.fault_server.dialects import dialects_table
from tests.fault_server.plan import Limit, Plan, Rule
from tests.fault_server.server import HOST, FaultApplication, serve

_CONDITIONS = frozenset(Rule.model_fields) - {"fault", "answer", "settings"}


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.fault_server",
        description="An OpenAI-compatible server on 127.0.0.1 that answers plausibly, or fails in the way it is told.",
    )
    parser.add_argument("--port", type=int, default=8099, help="0 takes a free one (default: 8099)")
    parser.add_argument("--tls-cert", type=Path, help="PEM file with a key and its certificate: speak TLS")
    parser.add_argument("--plan", type=Path, help="JSON file of a plan; the options below change it")
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME[:KEY=VALUE,...]",
        help="a rule: conditions are probability, marker, calls=1-9, seconds=0-60, times; others are the fault's own",
    )
    parser.add_argument("--dialect", help="what it takes of a question, by name")
    parser.add_argument("--latency", metavar="SECONDS[-SECONDS]", help="how long each answer takes")
    parser.add_argument("--slots", type=int, help="questions that are answered at a time; the others wait")
    parser.add_argument("--api-key", help="required key")
    parser.add_argument("--model", action="append", help="a model that exists; may be given more than once")
    parser.add_argument("--requests-per-minute", type=int)
    parser.add_argument("--tokens-per-minute", type=int)
    parser.add_argument("--requests-per-second", type=int)
    parser.add_argument("--window", choices=("sliding", "fixed"), default="sliding", help="of the limits")
    parser.add_argument("--retry-after", type=float, metavar="SECONDS", help="what 429s of the limits say")
    parser.add_argument("--rate-headers", action="store_true", help="send x-ratelimit-* headers")
    parser.add_argument("--seed", type=int, help="of all that is random")
    parser.add_argument("--list", action="store_true", help="list the faults and dialects and leave")
    parser.add_argument("--until-stdin-ends", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def plan_of(options: argparse.Namespace) -> Plan:
    """The plan that a command line asks for.

    Raises:
        ValueError: a fault, a condition or a value does not exist; the message says what there is.
    """
    given: dict[str, Any] = json.loads(options.plan.read_text(encoding="utf-8")) if options.plan else {}
    for name, value in (
        ("api_key", options.api_key),
        ("models", options.model),
        ("seed", options.seed),
        ("dialect", options.dialect),
        ("slots", options.slots),
    ):
        if value is not None:
            given[name] = value
    if options.rate_headers:
        given["rate_headers"] = True
    if options.latency:
        given["latency_seconds"] = _span(options.latency) if "-" in options.latency else float(options.latency)
    per_minute = {"requests": options.requests_per_minute, "tokens": options.tokens_per_minute}
    limits = [
        Limit(**amounts, per_seconds=seconds, window=options.window, retry_after_seconds=options.retry_after)
        for amounts, seconds in ((per_minute, 60.0), ({"requests": options.requests_per_second}, 1.0))
        if any(amounts.values())
    ]
    given["limits"] = [*given.get("limits", []), *limits]
    given["rules"] = [*given.get("rules", []), *map(_rule, options.fault)]
    return Plan(**given)


def _span(text: str) -> tuple[float, float]:
    begin, _, end = text.partition("-")
    return float(begin), float(end or begin)


def _rule(text: str) -> Rule:
    name, _, rest = text.partition(":")
    conditions: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    for pair in filter(None, rest.split(",")):
        key, _, value = pair.partition("=")
        if key in ("calls", "seconds") and (key == "calls" or "-" in value):
            conditions[key] = _span(value)
        elif key in _CONDITIONS and key != "seconds":
            conditions[key] = value
        else:
            settings[key] = _number_or_text(value)
    return Rule(fault=name, settings=settings, **conditions)


def _number_or_text(value: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value


def _stop_at_end_of_input(stop: Callable[[], None]) -> None:
    sys.stdin.read()
    stop()


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C, then say what happened."""
    options = parse_arguments(sys.argv[1:] if arguments is None else arguments)
    if options.list:
        print(markdown_table(), dialects_table(), sep="\n\n")
        return 0
    try:
        application = FaultApplication(plan_of(options))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2

    def ready(port: int, stop: Callable[[], None]) -> None:
        print(f"Listening on {'https' if options.tls_cert else 'http'}://{HOST}:{port}/v1", flush=True)
        if options.until_stdin_ends:
            threading.Thread(target=_stop_at_end_of_input, args=(stop,), daemon=True).start()

    # A shell starts its background jobs with Ctrl-C ignored, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        asyncio.run(serve(application, options.port, ready, options.tls_cert))
    except KeyboardInterrupt:
        print(application.summary())
    except OSError as error:
        print(
            f"Cannot listen on {HOST}:{options.port}: {error.strerror}. Check --port and --tls-cert.", file=sys.stderr
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
