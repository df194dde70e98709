"""The report on a person's own file as lines of a terminal: plain words, at most 100 columns, no colours."""

import textwrap
from collections.abc import Iterator, Mapping

from include.llm.answer_fields import answer_fields
from include.llm.endpoint import REMOTE_IN_FLIGHT
from include.llm.prices import usd
from include.local.file_report import FileReport, Say, report_on
from include.local.own_file import OwnFile
from include.pipelines.definition import Pipeline
from include.sources.fields import column_name
from include.sources.play_console_exports import COLUMNS as PLAY_CONSOLE_COLUMNS

WIDTH, LABEL_WIDTH = 100, 12
SHOWN_NAMES, SHOWN_LANGUAGES = 12, 8
MONTH_TEXTS = 50_000
# What hosted models take for a short structured answer; named where it is used.
ANSWER_SECONDS = 2
# Of the bundled model on two cores.
BUNDLED_SECONDS = 4


def show_report(own: OwnFile, say: Say) -> int:
    """Look at a file and print what is found; returns the exit code, 1 where nothing can be asked about.

    Raises:
        NightshiftError: see `report_on`.
    """
    say(f"looking at {own.given} ...")
    report = report_on(own, say)
    print("\n".join(["", *report_lines(report)]), flush=True)
    return 0 if report.asked else 1


def report_lines(report: FileReport) -> Iterator[str]:
    """All lines."""
    title = f"{report.own.given} as {report.own.pipeline} would read it. Nobody was asked, nothing was stored."
    yield from _part("", title, width=0)
    yield ""
    yield from _part("Rows", *_rows(report))
    yield from _part("Columns", *_columns(report))
    if report.asked:
        yield from _part("Languages", _counts(report.languages, SHOWN_LANGUAGES))
        yield from _part("Length", _lengths(report))
        yield from _part("Personal", *_personal(report))
        yield from _part("Tokens", *_tokens(report))
        yield from _part("Cost", *_costs(report))
        yield from _part("Time", _time(report))
        yield ""
        yield "What is answered for each text:"
        yield from _answer(report.pipeline)
    yield ""
    yield from _next(report)


def _part(label: str, *texts: str, width: int = LABEL_WIDTH) -> Iterator[str]:
    """A label, and beside it texts that are wrapped; what a text is indented by stays."""
    for text in texts:
        own = " " * (len(text) - len(text.lstrip()))
        yield from textwrap.wrap(
            text.lstrip(),
            WIDTH,
            initial_indent=label.ljust(width) + own,
            subsequent_indent=" " * width + own,
            break_on_hyphens=False,
        )
        label = ""


def _rows(report: FileReport) -> Iterator[str]:
    rows = report.rows
    refused = rows.refused.total()
    if rows.read == rows.counted and rows.is_whole:
        yield f"{rows.read:,} read, {refused:,} refused; {report.asked:,} texts would be asked about"
    else:
        least = "" if rows.is_whole else "at least "
        yield (
            f"the first {rows.read:,} of {least}{rows.counted:,} read, {refused:,} of them refused; {report.asked:,} "
            "texts of them would be asked about"
        )
        yield (
            f"Tokens, cost and time below are for all {least}{rows.counted:,}: estimated, as if the rest were like "
            "these."
        )
    if refused:
        yield f"Refused: {_counts(rows.refused)}. They go to quarantine, each with its reason:"
        yield from (f"  {_cut(line, 2 * WIDTH)}" for line in rows.first_refused)
        if refused > len(rows.first_refused):
            yield f"  and {refused - len(rows.first_refused):,} more"
    for count, what in (
        (report.repeats, "have the id of another row: the newest of them counts"),
        (report.same_texts, "have the text of another record: it is asked about once"),
        (report.too_long, f"have more than {report.pipeline.max_text_characters:,} characters: they are put aside"),
    ):
        if count:
            yield f"{count:,} {what}"


def _columns(report: FileReport) -> Iterator[str]:
    own, others = report.own_columns, report.other_columns
    yield f"{', '.join(own) or 'none that a record is made of'}"
    if others:
        more = f" and {len(others) - SHOWN_NAMES} more" if len(others) > SHOWN_NAMES else ""
        yield f"kept beside the answers: {', '.join(others[:SHOWN_NAMES])}{more}"


def _lengths(report: FileReport) -> str:
    median, most, longest = report.characters
    return f"half of the texts have up to {median:,} characters, 95 in 100 up to {most:,}, the longest {longest:,}"


def _personal(report: FileReport) -> Iterator[str]:
    if not report.personal:
        yield "none was found; what is looked for stands in include/privacy/README.md"
        return
    found = [f"{kind} {values:,} in {records:,} texts" for kind, (values, records) in report.personal.items()]
    yield "; ".join(found)
    yield "It is replaced before a text is stored or sent, for example:"
    yield from (f"  {example}" for example in report.examples)


def _tokens(report: FileReport) -> Iterator[str]:
    usage, requests = report.tokens.usage, report.tokens.requests * report.factor
    share = usage.cached_tokens / max(usage.prompt_tokens, 1)
    into, out = (_about(tokens * report.factor) for tokens in (usage.prompt_tokens, usage.completion_tokens))
    yield f"about {into} in, {share:.0%} of them instructions and schema, which are the same for all texts,"
    yield f"and {out} out, in {requests:,.0f} requests"
    yield f"Counted by {report.tokens.counted_by}; answers as long as those to the labelled samples."


def _costs(report: FileReport) -> Iterator[str]:
    month = MONTH_TEXTS / (report.asked * report.factor)
    width = max(len(cost.model) for cost in report.costs) + 2
    yield f"{'':<{width}}{'this file':>14}{'prompt cached':>16}{f'{MONTH_TEXTS:,} such texts':>24}"
    for cost in report.costs:
        monthly = "unknown"
        if cost.usd is not None and cost.cached_usd is not None:
            monthly = f"{cost.cached_usd * month:.2f} to {usd(cost.usd * month)}"
        yield f"{cost.model:<{width}}{usd(cost.usd):>14}{usd(cost.cached_usd):>16}{monthly:>24}"
    sources = dict.fromkeys(cost.price.as_of for cost in report.costs if cost.price)
    yield f"Prices: {', '.join(sources) or 'unknown; NIGHTSHIFT_PRICES names a table of your own'}"


def _time(report: FileReport) -> str:
    if report.seconds is not None:
        names = ("requests", "tokens")
        limits = [f"{limit:,.0f} {name}" for limit, name in zip(report.limits, names, strict=True) if limit]
        return f"about {_duration(report.seconds)} at your limit of {' and '.join(limits)} a minute"
    seconds = report.tokens.requests * report.factor * ANSWER_SECONDS / REMOTE_IN_FLIGHT
    return (
        f"no limit is set. With {REMOTE_IN_FLIGHT} requests in flight and {ANSWER_SECONDS} s an answer about "
        f"{_duration(seconds)}. Your provider's goes into NIGHTSHIFT_REQUESTS_PER_MINUTE and "
        "NIGHTSHIFT_TOKENS_PER_MINUTE"
    )


def _answer(pipeline: Pipeline) -> Iterator[str]:
    fields = list(answer_fields(pipeline.answer))
    width = max(len(field.name) for field in fields) + 4
    for field in fields:
        yield from _part(f"  {field.name}", f"{field.kind}. {field.says}".strip(), width=width)


def _next(report: FileReport) -> Iterator[str]:
    if not report.asked:
        yield from _part("", _way_out(report), width=0)
        return
    cost = report.costs[0]
    if cost.usd and cost.usd > report.budget_usd:
        yield from _part(
            "",
            f"That is above the budget of {usd(report.budget_usd)}: the run would stop before the first question. "
            "NIGHTSHIFT_BUDGET_USD raises it.",
            width=0,
        )
    key = "" if report.has_endpoint else "OPENAI_API_KEY=... "
    hours = _duration(report.tokens.requests * report.factor * BUNDLED_SECONDS)
    yield "To run it with your key:"
    yield f"  {key}{report.own.command}"
    yield f"Or with the small model that comes along, a proof of the machinery only; about {hours}:"
    yield f"  {report.own.command} MODEL=bundled"


def _way_out(report: FileReport) -> str:
    if not report.rows.read:
        return "There is no row in it, so there is nothing to ask about."
    if report.rows.columns.keys() >= {column_name(name) for name in PLAY_CONSOLE_COLUMNS}:
        return (
            "These are exports of the Play Console, which has no column id. Name their folder instead: "
            "GOOGLE_PLAY_EXPORTS=... make run PIPELINES=app_store_reviews"
        )
    return (
        "Nothing can be asked about. A record needs columns id and text (or turns, a list of role and text), and "
        "created_at where its time is known: rename those of the file."
    )


def _counts(counts: Mapping[str, int], most: int = SHOWN_NAMES) -> str:
    shown = [f"{name} {count:,}" for name, count in list(counts.items())[:most]]
    return ", ".join([*shown, *([f"{len(counts) - most} more"] if len(counts) > most else [])])


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _about(count: float) -> str:
    return f"{count / 1_000_000:,.1f} million" if count >= 1_000_000 else f"{count:,.0f}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(seconds, 1):.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:,.1f} hours"
