"""What is in a person's own file, and what asking about it would take: read and redacted, never asked or stored."""

import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from include.llm.chain import Chain, Text
from include.llm.endpoint import OPENAI_BASE_URL, REMOTE_IN_FLIGHT, Endpoint, resolve_endpoint
from include.llm.estimate import Estimate, estimate, usual_answer_tokens
from include.llm.prices import Price, load_price
from include.local.column_proposal import SAMPLE_ROWS, propose
from include.local.own_file import CALLS_SETTING, OwnFile
from include.local.own_texts import languages, personal_data, redacted_examples
from include.pipelines.chain import build_chain
from include.pipelines.definition import Pipeline
from include.pipelines.registry import load_pipeline
from include.privacy.redact import Redactor
from include.quality.golden import load_golden
from include.settings import (
    number_setting,
    production_model,
    rate_limits,
    share_setting,
    timezone_setting,
)
from include.sources.fields import OWN_COLUMNS, named_columns
from include.sources.normalise import Normaliser
from include.sources.record import Record, UnreadableRecord
from include.sources.reviews.play_console_exports import COLUMNS as PLAY_CONSOLE_COLUMNS
from include.sources.row import BadRow
from include.sources.source import SourceRow, Window
from include.stages.extract import MAX_UNREADABLE_SHARE, ROWS_BEFORE_JUDGEMENT
from include.stages.source import source_of
from include.text.columns import column_name

# Redaction takes a millisecond or two a text, so the whole look is about twenty seconds.
MOST_ROWS, MOST_SECONDS = 20_000, 10.0
# What lies behind these rows is only counted.
COUNT_SECONDS = 4.0
LINE_SECONDS = 3.0
SHOWN_REFUSALS = SHOWN_EXAMPLES = 3
SHOWN_CHARACTERS = 160
# Beside the default model: OpenAI's large and small one, and a small one of another vendor.
OTHER_MODELS = ("gpt-6-sol", "claude-haiku-4-5", "gpt-6-luna")
# Of a short structured answer: of hosted models, and of the bundled one on two cores.
ANSWER_SECONDS, BUNDLED_SECONDS = 2.0, 4.0

Say = Callable[[str], None]


@dataclass
class Rows:
    """What the rows of a file are.

    Args:
        read: rows that were read, of `counted`, which are all of them if `is_whole`.
        columns: under the names that records give them.
        refused: rows that become no record, by reason.
        first_refused: place and reason of the first ones.
        records: newest row of each record, by its id, and when it was written.
        sample: the first ones.
        unreadable_values: attributes that are null because their values do not convert.
    """

    read: int = 0
    counted: int = 0
    is_whole: bool = True
    columns: dict[str, None] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    first_refused: list[str] = field(default_factory=list)
    records: dict[str, tuple[datetime, Record]] = field(default_factory=dict)
    sample: list[Mapping[str, Any]] = field(default_factory=list)
    unreadable_values: Counter[str] = field(default_factory=Counter)

    @property
    def factor(self) -> float:
        """By how much all rows are more than those that were read."""
        return self.counted / max(self.read, 1)

    def add(self, record: Record | UnreadableRecord, item: SourceRow) -> None:
        """Take in one row."""
        self.read += 1
        if not isinstance(item.row, BadRow):
            self.columns |= dict.fromkeys(named_columns(item.row))
            if len(self.sample) < SAMPLE_ROWS:
                self.sample.append(item.row)
        if isinstance(record, UnreadableRecord):
            self.refused[record.error_type] += 1
            if len(self.first_refused) < SHOWN_REFUSALS:
                self.first_refused.append(record.error_message)
            return
        self.unreadable_values.update(record.unreadable_values)
        changed_at = item.changed_at or record.occurred_at
        known = self.records.get(record.record_id)
        if known is None or known[0] <= changed_at:
            self.records[record.record_id] = changed_at, record


@dataclass(frozen=True)
class ModelCost:
    """What all of a file costs with a model, USD, without and with the provider's cache; None: nobody knows."""

    model: str
    price: Price | None
    usd: float | None
    cached_usd: float | None


@dataclass(frozen=True)
class FileReport:
    """Everything that is shown of a file.

    Args:
        has_endpoint: whether somebody is set who can be asked.
        most_unreadable: share of refused rows above which a run stops.
        repeats: rows whose record comes again.
        too_long: records with more text than is asked about.
        old: records that a first run by hand leaves out, because of calls it asks for the newest only.
        same_texts: records of which the model would see what it sees of another one.
        asked: texts that would be asked about, of the rows that were read; `tokens` is what they take.
        answer_tokens: mean of the labelled samples; None: none are labelled.
        personal: by kind, values and the records that hold them.
        examples: pieces of redacted texts.
        above: attributes that the model sees above a text.
        message: how the model gets one text, redacted and only the head of it.
        languages: records by language, most first.
        characters: median, 95th percentile and longest of the records' texts.
        costs: of all rows; the default model first.
        limits: requests and tokens a minute, as far as they are known.
        seconds: for all rows, at these limits or else at `ANSWER_SECONDS` an answer.
    """

    own: OwnFile
    pipeline: Pipeline
    has_endpoint: bool
    budget_usd: float
    most_unreadable: float
    rows: Rows
    repeats: int
    too_long: int
    old: int
    same_texts: int
    asked: int
    tokens: Estimate
    answer_tokens: float | None
    personal: Mapping[str, tuple[int, int]]
    examples: tuple[str, ...]
    above: tuple[str, ...]
    message: str
    languages: Mapping[str, int]
    characters: tuple[int, int, int]
    costs: tuple[ModelCost, ...]
    limits: Mapping[str, float]
    seconds: float

    @property
    def factor(self) -> float:
        """By how much tokens, costs and times are multiplied."""
        return self.rows.factor

    @property
    def bundled_seconds(self) -> float:
        """What the bundled model takes for all rows."""
        return self.tokens.requests * self.factor * BUNDLED_SECONDS

    @property
    def stops_at_rows(self) -> bool:
        """Whether so many rows are refused that a run would stop."""
        refused = self.rows.refused.total()
        return self.rows.read >= ROWS_BEFORE_JUDGEMENT and refused > self.most_unreadable * self.rows.read

    @property
    def proposal(self) -> str | None:
        """The setting that likely maps the columns, where id or text is missing and nothing maps them."""
        return None if self.own.columns else propose(self.rows.sample, self.own.columns_setting)

    @property
    def own_columns(self) -> list[str]:
        """Columns that a record is made of."""
        return [name for name in self.rows.columns if name in OWN_COLUMNS]

    @property
    def other_columns(self) -> list[str]:
        """Columns that are kept beside the answers; redacted, for where there is no header they are a text."""
        redactor = Redactor(self.pipeline.redaction)
        return [redactor.redact(name) for name in self.rows.columns if name not in OWN_COLUMNS]

    @property
    def is_of_play_console(self) -> bool:
        """Whether it is an export that another setting reads."""
        return self.rows.columns.keys() >= {column_name(name) for name in PLAY_CONSOLE_COLUMNS}


def report_on(
    own: OwnFile,
    say: Say,
    environ: Mapping[str, str] = os.environ,
    most_rows: int = MOST_ROWS,
    clock: Callable[[], float] = time.monotonic,
) -> FileReport:
    """Read a file and work out what asking about it would take.

    Args:
        say: gets a line every few seconds.
        most_rows: further ones are counted only.

    Raises:
        NightshiftError: there is no such file, it cannot be read, or a setting is wrong.
    """
    pipeline = load_pipeline(own.pipeline)
    environ = {**environ, **own.settings}
    rows = _read(pipeline, environ, say, most_rows, clock)
    records = [record for _, record in rows.records.values()]
    endpoint, has_endpoint = _endpoint(environ)
    model = own.model or production_model(pipeline, comes_along=False, environ=environ)
    chain = build_chain(pipeline, endpoint, model, pipeline.prompt_version)
    all_texts = (chain.about(record.text, record.attributes) for record in records)
    askable = [text for text in all_texts if text.characters <= pipeline.max_text_characters]
    texts = list(dict.fromkeys(askable))
    labels = load_golden(pipeline) if pipeline.golden_path.exists() else {}
    answer_tokens = usual_answer_tokens(chain.question, labels.values())
    tokens = estimate(chain, texts, answer_tokens=answer_tokens)
    limits, seconds = _time(tokens, rows.factor, rate_limits(pipeline, comes_along=False, environ=environ))
    others = [(name, OPENAI_BASE_URL) for name in OTHER_MODELS if name != model][:2]
    first = datetime.now(UTC) - pipeline.first_window
    lengths = sorted(len(record.text) for record in records) or [0]
    return FileReport(
        own=own,
        pipeline=pipeline,
        has_endpoint=has_endpoint,
        budget_usd=number_setting("NIGHTSHIFT_BUDGET_USD", environ) or pipeline.budget_usd,
        most_unreadable=share_setting("NIGHTSHIFT_MAX_UNREADABLE_SHARE", MAX_UNREADABLE_SHARE, environ),
        rows=rows,
        repeats=rows.read - rows.refused.total() - len(records),
        too_long=len(records) - len(askable),
        old=sum(moment < first for moment, _ in rows.records.values()) if own.setting == CALLS_SETTING else 0,
        same_texts=len(askable) - len(texts),
        asked=len(texts),
        tokens=tokens,
        answer_tokens=answer_tokens,
        personal=personal_data(records),
        examples=tuple(islice(redacted_examples(records), SHOWN_EXAMPLES)),
        above=chain.question.prompt.attributes,
        message=_message(chain, next((text for text in texts if text.above), texts[0])) if texts else "",
        languages=languages(record.text for record in records),
        characters=(lengths[len(lengths) // 2], lengths[len(lengths) * 95 // 100], lengths[-1]),
        costs=tuple(
            _cost(name, load_price(name, url, environ), tokens, rows.factor)
            for name, url in [(model, endpoint.base_url), *others]
        ),
        limits=limits,
        seconds=seconds,
    )


def _message(chain: Chain, text: Text) -> str:
    head = text.text[: min(SHOWN_CHARACTERS, len(text.text) * 2 // 3)]
    # Half a placeholder is none.
    return chain.question.prepare(f"{head.rpartition(' ')[0] or head} ...", text.above).message


def _endpoint(environ: Mapping[str, str]) -> tuple[Endpoint, bool]:
    """Who would be asked, and whether somebody has set it."""
    endpoint = resolve_endpoint(environ=environ)
    return (Endpoint(OPENAI_BASE_URL, None, is_demo=False), False) if endpoint.comes_along else (endpoint, True)


def _time(
    tokens: Estimate, factor: float, per_minute: tuple[float | None, float | None]
) -> tuple[dict[str, float], float]:
    """The limits that are known, and the seconds that all rows take at them."""
    needed = {"requests": tokens.requests * factor, "tokens": tokens.usage.total * factor}
    limits = {name: limit for name, limit in zip(needed, per_minute, strict=True) if limit}
    unlimited = needed["requests"] * ANSWER_SECONDS / REMOTE_IN_FLIGHT
    return limits, max((60 * needed[name] / limit for name, limit in limits.items()), default=unlimited)


def _read(pipeline: Pipeline, environ: Mapping[str, str], say: Say, most_rows: int, clock: Callable[[], float]) -> Rows:
    now, zone, source = datetime.now(UTC), timezone_setting(environ), source_of(pipeline, environ)
    normaliser = Normaliser(
        pipeline.name, pipeline.attributes, now, redaction=pipeline.redaction, zone=zone, environ=environ
    )
    rows, began, said, counting_since = Rows(), 0.0, 0.0, 0.0
    for item in source.pull(Window(None, now), None):
        if not isinstance(item, SourceRow):
            continue
        if not rows.counted:
            # Not before: some file systems take their time to connect.
            began = said = clock()
        rows.counted += 1
        seconds = clock() - began
        if not counting_since and rows.read < most_rows and seconds < MOST_SECONDS:
            rows.add(normaliser.record(item.row, item.place), item)
        else:
            counting_since = counting_since or seconds
            if seconds - counting_since > COUNT_SECONDS:
                rows.is_whole = False
                return rows
        if clock() - said > LINE_SECONDS:
            said = clock()
            say(f"{rows.read:,} rows read and redacted, {rows.counted:,} counted ...")
    return rows


def _cost(model: str, price: Price | None, tokens: Estimate, factor: float) -> ModelCost:
    costs = [tokens.cost_usd(price, is_cached=is_cached) for is_cached in (False, True)]
    return ModelCost(model, price, *(None if cost is None else cost * factor for cost in costs))
