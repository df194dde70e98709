"""What a pipeline folder declares: the values that make one text source different from another."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from include.answer.closed_sets import closed_values
from include.answer.structured_output import item_model, quote_paths
from include.errors import ConfigurationError
from include.lake.columns import NAME, RESULT_SYSTEM_COLUMNS
from include.llm.providers.dialect_settings import dialect_settings
from include.privacy.policy import RedactionPolicy
from include.sources.source import Source

PIPELINES_FOLDER = Path(__file__).parent
SENTIMENTS = ("positive", "neutral", "mixed", "negative")


@dataclass(frozen=True)
class Chunking:
    """How a text that is too long for one request is read in two steps: notes per chunk, then the answer.

    Args:
        notes: the model's answer for one chunk; its prompt is `prompts/<version>.notes.md`.
        chunk_characters: a text longer than this is cut, at line ends where there are any.
        max_output_tokens: cap on the answer for one chunk.
    """

    notes: type[BaseModel]
    chunk_characters: int
    max_output_tokens: int


@dataclass(frozen=True)
class ReportFields:
    """Which fields of the answer the report talks about. Every name but `unit` is a field of the pipeline's `Answer`.

    Args:
        unit: what people call its records, such as `reviews`.
        topic: closed set that the report counts by; `topic_other` holds the free label of `other`.
        summary: one sentence for people.
        sentiment: closed set of `SENTIMENTS` or some of them; None: the report says nothing of how customers feel.
        items: list field whose elements hold all fields but `sentiment` and `actions`; None: they are the answer's own.
        kind: closed set such as bug or praise, or the outcome of a call.
        severity: closed set in `severity_order`, mildest first.
        quote: verbatim sentence of the customer.
        request: what the customer asks for, as text.
        request_kinds, defect_kinds: values of `kind` that are requests and defects.
        actions: list field of structs with an `action` text.
        theme: English sentence by which texts are grouped into themes with those of other pipelines; None: `summary`.
    """

    topic: str
    summary: str
    sentiment: str | None = None
    items: str | None = None
    topic_other: str | None = None
    kind: str | None = None
    severity: str | None = None
    severity_order: Sequence[str] = ("low", "medium", "high")
    quote: str | None = None
    request: str | None = None
    request_kinds: Sequence[str] = ()
    defect_kinds: Sequence[str] = ()
    actions: str | None = None
    unit: str = "records"
    theme: str | None = None

    @property
    def sentence(self) -> str:
        """The field with what is grouped into themes."""
        return self.theme or self.summary

    def problems(self, answer: type[BaseModel]) -> list[str]:
        """What does not fit an answer model, in words; empty when all does."""
        own, inner = answer.model_fields, answer.model_fields
        if self.items:
            element = item_model(own[self.items]) if self.items in own else None
            if element is None:
                return [f"items={self.items!r} is no list of models in the answer"]
            inner = element.model_fields
        places = dict.fromkeys(
            ("topic", "topic_other", "summary", "kind", "severity", "quote", "request", "theme"), inner
        )
        places |= {"sentiment": own, "actions": own}
        named = {argument: name for argument in places if (name := getattr(self, argument)) is not None}
        allowed = {"sentiment": SENTIMENTS, "severity": tuple(self.severity_order)}
        found = []
        for argument, name in named.items():
            if name not in places[argument]:
                where = "the answer" if places[argument] is own else self.items
                found.append(f"{argument}={name!r} is no field of {where}")
            elif argument in allowed:
                values = closed_values(places[argument][name].annotation)
                if not values or not set(values) <= set(allowed[argument]):
                    said = ", ".join(values) or "any value"
                    found.append(f"{argument}={name!r} takes {said}, and may take {', '.join(allowed[argument])} only")
        kinds = closed_values(inner[self.kind].annotation) if self.kind in inner else ()
        if unknown := sorted({*self.request_kinds, *self.defect_kinds} - {*kinds}):
            found.append(f"request_kinds and defect_kinds name {', '.join(unknown)}, which kind={self.kind!r} is never")
        return found


@dataclass(frozen=True)
class Pipeline:
    """One text source from its files to its report.

    Args:
        name: folder name, DAG id and lake folder.
        title: what people call it.
        description: Markdown for the top of the DAG's documentation.
        answer: the strict model of one answer; its field descriptions reach the JSON schema.
        report_fields: what the report talks about.
        source: where the texts come from: a function of the environment in the folder's `source.py`. While it gives
            None, because nothing is set up, the bundled `samples/` are read, as they are without one.
        lookback: late arrivals of so long ago are still caught by the next run.
        first_window: how far back the first manual run goes.
        attributes: the source's own columns that have a type, by name without `attr_`; all others are kept as text.
            A prompt file names those of them that the model sees, see `llm/prompt.py`.
        redaction: which personal data is taken out of the texts before they are stored or sent.
        schedule: cron expression of the nightly run, read in `timezone`.
        model: default model at a real provider (the bundled local model has its own name).
        dialect: how that model is asked, as in `NIGHTSHIFT_DIALECT`; none: as it is known, and learned.
        prompt_version: production prompt, a file `prompts/<version>.md`.
        max_output_tokens: cap on one answer.
        max_text_characters: a longer text, attributes above it included, is quarantined as `too_long` and not paid for.
        chunking: set when long texts are answered in two steps.
        requests_per_minute, tokens_per_minute: the provider's limit; None: no limit known.
        budget_usd: most that one run may cost.
        over_budget: what becomes of the answers of a run whose budget was used up on the way: `publish` them and leave
            the rest to the next run, or `hold` them, so that analysts see the whole night or nothing.
        mode: how its nights ask, unless the form says it: `online`, or `flex`, slower and at about half the price where
            the provider has it.
        flex_patience_seconds: for so long a record that flex has no room for is asked at flex again, with growing
            waits; then it is asked at the standard tier, at its price.
        flex_refused_share: while so large a share of the last minute's calls at flex finds no room, from 0 to 1, a
            record that is refused is asked at the standard tier at once.
        shard_size: records in one mapped task, unless the deployment says it (`NIGHTSHIFT_SHARD_RECORDS`).
    """

    name: str
    title: str
    description: str
    answer: type[BaseModel]
    report_fields: ReportFields
    owner: str
    tags: Sequence[str]
    schedule: str
    source: Callable[[Mapping[str, str]], Source | None] | None = None
    lookback: timedelta = timedelta(days=2)
    first_window: timedelta = timedelta(days=30)
    attributes: Mapping[str, type[str] | type[int] | type[float] | type[bool]] = field(default_factory=dict)
    redaction: RedactionPolicy = field(default_factory=RedactionPolicy)
    timezone: str = "UTC"
    model: str = "gpt-6-luna"
    dialect: Mapping[str, Any] = field(default_factory=dict)
    prompt_version: str = "v1"
    max_output_tokens: int = 600
    max_text_characters: int = 12_000
    chunking: Chunking | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    budget_usd: float = 20.0
    over_budget: Literal["publish", "hold"] = "publish"
    mode: Literal["online", "flex"] = "online"
    flex_patience_seconds: float = 600.0
    flex_refused_share: float = 0.9
    shard_size: int = 1_000
    folder: Path = field(init=False)

    def __post_init__(self) -> None:
        if not NAME.match(self.name):
            raise ConfigurationError(
                f"Pipeline name {self.name!r} must be lower case letters, digits and underscores, at most 40 long."
            )
        object.__setattr__(self, "folder", PIPELINES_FOLDER / self.name)
        dialect = dialect_settings(self.dialect, f"Pipeline {self.name}: dialect in {self.folder / 'pipeline.py'}")
        object.__setattr__(self, "dialect", dialect)
        taken = sorted(set(self.answer.model_fields) & RESULT_SYSTEM_COLUMNS)
        attributes = sorted(name for name in self.answer.model_fields if name.startswith("attr_"))
        if taken or attributes:
            raise ConfigurationError(
                f"Pipeline {self.name}: the answer's fields {taken + attributes} are names of system columns. "
                f"Rename them in {self.folder / 'output.py'}."
            )
        if problems := self.report_fields.problems(self.answer):
            raise ConfigurationError(
                f"Pipeline {self.name}: in report_fields {'; '.join(problems)}. Correct it in "
                f"{self.folder / 'pipeline.py'}, name the values in `severity_order`, or leave out what the answer in "
                f"{self.folder / 'output.py'} does not have: all but topic and summary may be."
            )
        if self.chunking and quote_paths(self.answer):
            raise ConfigurationError(
                f"Pipeline {self.name}: quotes and chunking cannot be combined, because the last step sees notes, "
                f"not sentences. Drop one of them in {self.folder / 'pipeline.py'}."
            )

    @property
    def sample_glob(self) -> str:
        """Glob of the bundled sample files."""
        return str(self.folder / "samples" / "*.jsonl")

    @property
    def golden_path(self) -> Path:
        """Labels that a careful person gave to the bundled sample."""
        return self.folder / "golden" / "labels.jsonl"

    def prompt_versions(self) -> list[str]:
        """Prompt versions that exist, oldest first."""
        files = (self.folder / "prompts").glob("v*.md")
        versions = {path.stem for path in files if re.fullmatch(r"v\d+", path.stem)}
        return sorted(versions, key=lambda version: int(version[1:]))
