"""What each stage leaves for the next ones beside its tables: a small JSON document each.

Fields with a default are those that a document of an older Nightshift may lack.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from pydantic import PlainSerializer, PlainValidator

from include.errors import NightshiftError
from include.lake.effort import NO_EFFORT, Effort
from include.llm.prices import Price
from include.llm.providers.model_end import ModelEnd
from include.llm.providers.service_tier import ONLINE
from include.pipelines.planned_chain import PlannedChain
from include.quality.expectation_result import ExpectationResult
from include.quality.measures import Measure

# Of `plan.json` and `plan.parquet`; a run that was planned in another one is planned again.
PLAN_FORMAT = 3

_Effort = Annotated[Effort, PlainValidator(Effort.of_row), PlainSerializer(Effort.columns)]


@dataclass(frozen=True, kw_only=True)
class Begun:
    """Of a run that begins: several may use the files of one window, one after the other."""

    file: ClassVar = "begun"
    run_id: str = ""


@dataclass(frozen=True, kw_only=True)
class Extracted:
    """Of `extract`.

    Args:
        extracted: records of the run, and of these `unreadable` ones and `skipped` ones by reason.
        outside_window: what the source had besides; None: not known.
        unreadable_values: of the records that are new, by attribute, those whose value does not convert.
    """

    file: ClassVar = "extract"
    extracted: int = 0
    unreadable: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    outside_window: int | None = None
    redaction_version: str | None = None
    unreadable_values: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Before:
    """Of `plan` when it begins: calls and costs from before it, as far as they will stand in no row."""

    file: ClassVar = "before"
    requests: int = 0
    retries: int = 0
    rate_limited: int = 0
    estimated_cost_usd: float | None = 0.0
    unusable_cost_usd: float | None = 0.0

    @property
    def effort(self) -> Effort:
        """What the run's row adds."""
        return Effort.of_row({**vars(self), "cost_usd": self.unusable_cost_usd or 0.0})


@dataclass(frozen=True, kw_only=True)
class Planned:
    """Of `plan`.

    Args:
        estimated: tokens and cost, without what a prompt cache saves.
        price: None: unknown.
        expected_output_tokens: of an answer; None: there are none yet.
        skipped: records by reason.
        asked: texts.
        planned: what is asked, and whom.
        has_other_answers: whether the run was planned before, and may have paid for what is not asked any more.
        spent_usd: by shards of earlier plans.
        budget_key: under which all shards count what they spend of what is left.
        mode: how the run goes, which may be another than it was asked to, and `no_flex` why it is.
        model_end: when the model ends; None: nobody says.
    """

    file: ClassVar = "plan"
    format: int = PLAN_FORMAT
    estimated: _Effort = NO_EFFORT
    price: Price | None
    expected_output_tokens: int | None = None
    skipped: Mapping[str, int] = field(default_factory=dict)
    asked: int
    shards: int
    before: Before = Before()
    planned: PlannedChain
    has_other_answers: bool = False
    spent_usd: float = 0.0
    budget_key: str
    mode: str = ONLINE
    no_flex: str | None = None
    model_end: ModelEnd | None = None


@dataclass(frozen=True, kw_only=True)
class Inferred:
    """Of one shard of `infer`.

    Args:
        over_budget: whether it has left texts because the budget was used up.
        unusable: what was paid for answers that are none.
    """

    file: ClassVar = "infer-{:04d}"
    over_budget: bool
    unusable: _Effort = NO_EFFORT


@dataclass(frozen=True, kw_only=True)
class Validated:
    """Of `validate`.

    Args:
        accepted: records, and `quarantined` ones by stage, `skipped` ones by reason.
        calls: what the records took.
        service_tiers: answers by the tier on which they were billed.
        unusable: what was paid and stands in no row.
        measures: what the gate has counted.
    """

    file: ClassVar = "validate"
    accepted: int
    quarantined: Mapping[str, int]
    skipped: Mapping[str, int]
    calls: _Effort
    dialect: str | None = None
    service_tiers: Mapping[str, int] = field(default_factory=dict)
    unusable: Sequence[_Effort] = ()
    validation_success: bool
    expectations: Sequence[ExpectationResult]
    data_docs: Sequence[str]
    measures: Sequence[Measure] = ()


@dataclass(frozen=True, kw_only=True)
class Replaced:
    """Of `publish`: the runs whose rows this one replaces."""

    file: ClassVar = "replaced"
    run_ids: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """Of the task that ended the run.

    Args:
        leaves: the reason under which what has no outcome counts as skipped.
        times_blown: how often the fuse has stopped the run.
    """

    file: ClassVar = "stopped"
    leaves: str = NightshiftError.leaves
    times_blown: int = 0
