"""The page of a run that has no report (yet): what it is at, or why it failed and what is safe to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from include.pages.render import render
from include.report.purpose import mark_of

STAGES = ("extract", "plan", "infer", "validate", "publish", "watch", "report")
UNFINISHED = ("queued", "running")
NOT_BEGUN = "not begun"
FINISHED = ("success", "skipped", "failed", "upstream_failed", "removed")


@dataclass(frozen=True)
class Task:
    """A task instance as Airflow has it."""

    stage: str
    state: str
    began: datetime | None
    ended: datetime | None


@dataclass(frozen=True)
class Stage:
    """All task instances of a stage together."""

    name: str
    state: str
    tasks: int
    began: datetime | None
    ended: datetime | None


@dataclass(frozen=True)
class RunView:
    """A run as its page shows it.

    Args:
        title: of the pipeline.
        state: Airflow's: `queued`, `running`, `failed`, `success`.
        row: of `runs/`, as far as it is of this try; None: there is none.
        is_published: whether rows of it are in `results/`, from this try or one before.
        tasks: its task instances.
        shards: what `infer` writes about its shards, by number.
        texts: that `plan` found to ask; None: not known.
        settled: what `extract` has settled: `purpose`, `model` and `prompt_version`.
        report: where the report of an earlier try is.
        data_docs: Data Docs by table, where they are.
    """

    title: str
    run_id: str
    state: str
    row: Mapping[str, Any] | None = None
    is_published: bool = False
    tasks: Sequence[Task] = ()
    shards: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    texts: int | None = None
    settled: Mapping[str, Any] = field(default_factory=dict)
    report: str | None = None
    data_docs: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_running(self) -> bool:
        """Whether the run is still under way."""
        return self.state in UNFINISHED

    @property
    def mark(self) -> str | None:
        """What it is, if it is no night of a model."""
        known = self.row or self.settled
        return mark_of(known) if known else None

    @property
    def headline(self) -> str:
        """Title of the page."""
        if self.state == "queued":
            return f"{self.title}: waits for its turn"
        return f"{self.title}: {'running' if self.is_running else 'FAILED'} in {self.stage}"

    @property
    def sentence(self) -> str:
        """What happened, or what is going on."""
        if self.is_running:
            return f"{self.stage}: {self.done:,} of {self.texts:,} texts" if self.texts else f"It is at {self.stage}."
        if self.row and self.row.get("reason"):
            return str(self.row["reason"])
        if self.state == "success":
            return "A person marked this run as success; it has not published anything."
        return f"The run ended before it could say why: the log of `{self.stage}` has it."

    @property
    def stage(self) -> str:
        """Where it is, or where it failed."""
        stages = self.stages
        # A night whose `watch` has failed goes on to its report.
        failed = [stage.name for stage in reversed(stages) if stage.state == "failed"]
        open_ = [stage.name for stage in stages if stage.state not in ("success", "failed")]
        return next(iter(open_ if self.is_running else failed + open_), STAGES[-1] if stages else STAGES[0])

    @property
    def stages(self) -> list[Stage]:
        """The stages in order, with the state that matters most."""
        found = []
        for name in STAGES:
            tasks = [task for task in self.tasks if task.stage == name]
            states = [task.state for task in tasks]
            open_ = [state for state in states if state not in FINISHED]
            ranked = [*[state for state in states if state == "failed"], *open_, *states]
            found.append(
                Stage(
                    name,
                    ranked[0] if ranked else NOT_BEGUN,
                    len(tasks),
                    min((task.began for task in tasks if task.began), default=None),
                    None if open_ else max((task.ended for task in tasks if task.ended), default=None),
                )
            )
        return found if self.tasks else []

    @property
    def counts(self) -> Mapping[str, Any] | None:
        """The row's counts, once the run has ended."""
        return None if self.is_running else self.row

    @property
    def done(self) -> int:
        """Texts with an outcome."""
        return int(self.sum("done") or 0)

    @property
    def cost_usd(self) -> float | None:
        """What it has cost, None where the price is not known."""
        if not self.is_running and self.row:
            return self.row["cost_usd"]
        return self.sum("cost_usd")

    def sum(self, name: str) -> float | None:
        """A count over all shards; None if one of them says that nobody knows it."""
        values = [shard.get(name, 0) for shard in self.shards.values()]
        return None if None in values else sum(value for value in values if value is not None)


def run_page(view: RunView) -> str:
    """The page."""
    return render("run.html.j2", view=view)
