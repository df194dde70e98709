"""Makes runs in Airflow, follows them to their end and says where each report is."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from include.errors import ConfigurationError
from include.lake.paths import TRIAL_SUFFIX, Lake, manual_run_key
from include.local.airflow_api import AirflowApi
from include.local.children import Children
from include.local.say import LINE_SECONDS, Say, about, waiting_for
from include.local.summary import report_path, run_row, shard_progress, stage_of, stage_words
from include.report.run_page import STAGES, UNFINISHED

LOOK_SECONDS = 1.0
DAGS_SECONDS = 120.0
# What reading the pipelines takes Airflow after its start, on two idle cores.
USUAL_DAGS_SECONDS = 8.0
# What Airflow takes for a run whose answers are there at once, in equal parts for its stages: the rest is asking.
STAGES_SECONDS = 20.0
# A run on a workstation that takes longer than this hangs.
RUN_SECONDS = 4 * 3600.0


@dataclass(frozen=True)
class Turn:
    """One run to make.

    Args:
        label: what people call it.
        form: of the trigger form.
        prepare: done just before it is triggered.
    """

    pipeline: str
    run_id: str
    label: str
    form: Mapping[str, Any] = field(default_factory=dict, compare=False)
    prepare: Callable[[], None] = field(default=lambda: None, compare=False)
    is_trial: bool = False

    @property
    def run_key(self) -> str:
        """Name of its files in the lake."""
        return manual_run_key(self.run_id) + (TRIAL_SUFFIX if self.is_trial else "")


class Player:
    """Plays turns through a running Airflow.

    Args:
        ui: base URL of Airflow's UI.
    """

    def __init__(
        self,
        api: AirflowApi,
        lake: Lake,
        children: Children,
        ui: str,
        say: Say,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._api, self._lake, self._children, self._ui, self._say = api, lake, children, ui, say
        self._clock, self._sleep = clock, sleep
        self._told: set[tuple[str, int]] = set()
        # The stage that each run is at, and since when.
        self._stages: dict[Turn, tuple[str, float]] = {}

    def play(
        self, queues: Sequence[Sequence[Turn]], usual_seconds: float, *, first_alone: bool = False
    ) -> dict[Turn, str]:
        """Make the runs of all queues, each queue in order and the queues side by side.

        Args:
            queues: each has the runs of one pipeline.
            usual_seconds: of one run, on two idle cores; the estimates begin with it.
            first_alone: the first queue's first run has the machine for itself, so that its report is there early.

        Returns:
            Each run that was made, with its final state. After one that failed, the rest of its queue is not made.

        Raises:
            ConfigurationError: a part of Airflow died, a DAG did not appear, or a run does not end.
        """
        waiting = [list(queue) for queue in queues]
        # What each queue is at.
        running: dict[int, Turn] = {}
        ended: dict[Turn, str] = {}
        begun = said_at = self._clock()
        while any(waiting) or running:
            self._check_alive(begun)
            for place in range(len(waiting) if ended or not first_alone else 1):
                if waiting[place] and place not in running:
                    running[place] = waiting[place].pop(0)
                    self._start(running[place])
            looks = []
            for place, turn in tuple(running.items()):
                state = self._api.state(turn.pipeline, turn.run_id)
                if state in UNFINISHED:
                    looks.append(self._look(turn, usual_seconds))
                    continue
                ended[running.pop(place)] = state
                self._tell_end(turn, state)
                said_at = self._clock()
                if state != "success":
                    waiting[place].clear()
            if looks and self._clock() - said_at > LINE_SECONDS:
                said_at = self._clock()
                shares = sum(share for _, share in looks)
                # The usual time counts as much as one run that was measured.
                pace = (said_at - begun + usual_seconds) / (len(ended) + shares + 1)
                left = pace * (sum(map(len, waiting)) + len(looks) - shares)
                self._say(f"{'; '.join(words for words, _ in looks)}. {about(left).capitalize()}")
            self._sleep(LOOK_SECONDS)
        return ended

    def _check_alive(self, begun: float) -> None:
        for dead in self._children.dead():
            raise ConfigurationError(f"{dead} has stopped by itself. Its log is {self._children.log_path(dead)}.")
        if self._clock() - begun > RUN_SECONDS:
            raise ConfigurationError(f"Runs did not end within {RUN_SECONDS / 3600:.0f} hours: see the UI.")

    def _start(self, turn: Turn) -> None:
        with waiting_for("Airflow to read the pipelines", USUAL_DAGS_SECONDS, self._say):
            if not self._api.wait_for_dag(turn.pipeline, DAGS_SECONDS):
                raise ConfigurationError(f"DAG {turn.pipeline} did not appear. {' '.join(self._api.import_errors())}")
        turn.prepare()
        self._api.trigger(turn.pipeline, turn.run_id, turn.form)

    def _look(self, turn: Turn, usual_seconds: float) -> tuple[str, float]:
        """A run in a few words, and which share of it is done."""
        tasks = self._api.tasks(turn.pipeline, turn.run_id)
        for task in tasks:
            # Minutes pass before a retry; nobody should wonder why nothing moves.
            if task["state"] == "up_for_retry" and (task["id"], task["try_number"]) not in self._told:
                self._told.add((task["id"], task["try_number"]))
                error = self._api.last_error(turn.pipeline, turn.run_id, task)
                self._say(f"{turn.label}: {task['task_id']} failed and will be tried again: {error}")
        stage = stage_of(tasks)
        progress = shard_progress(self._lake, turn.pipeline, turn.run_key) if stage == "infer" else None
        return f"{turn.label}: {stage_words(stage, progress)}", self._share(turn, stage, progress, usual_seconds)

    def _share(self, turn: Turn, stage: str, progress: Mapping[str, Any] | None, usual_seconds: float) -> float:
        """Which share of a run is done: of its texts from the first one on, all else by the clock."""
        now = self._clock()
        if self._stages.get(turn, ("", now))[0] != stage:
            self._stages[turn] = stage, now
        takes = dict.fromkeys(STAGES, min(usual_seconds, STAGES_SECONDS) / len(STAGES))
        takes["infer"] += usual_seconds - sum(takes.values())
        part = min((now - self._stages[turn][1]) / takes[stage], 1.0)
        if progress and progress["done"]:
            part = progress["done"] / progress["total"]
        before = sum(takes[name] for name in STAGES[: STAGES.index(stage)])
        return (before + part * takes[stage]) / usual_seconds

    def _tell_end(self, turn: Turn, state: str) -> None:
        row = run_row(self._lake, turn.pipeline, turn.run_key)
        path = report_path(self._lake, turn.pipeline, turn.run_key)
        if state != "success" or row is None or path is None:
            self._say(f"{turn.label}: {state}")
            for task in self._api.tasks(turn.pipeline, turn.run_id):
                if task["state"] == "failed":
                    error = self._api.last_error(turn.pipeline, turn.run_id, task)
                    self._say(f"{turn.label}: {task['task_id']} failed: {error}")
            return
        skipped = dict(row["skipped_by_reason"] or ()).get("has_outcome", 0)
        if not row["requests"] and skipped == row["extracted"]:
            news = f"0 asked, all {skipped} skipped: already answered"
        else:
            counts = [
                f"{row['published']} answered",
                f"{row['quarantined']} in quarantine" if row["quarantined"] else "",
            ]
            counts.append(f"{skipped} skipped: already answered" if skipped else "")
            news = f"{', '.join(filter(None, counts))}. {self._api.headline(turn.pipeline, turn.run_id)}"
        self._say(f"{turn.label}: report is there. {news}")
        print(f"        file {self._lake.uri(path)}\n        tab  {self._tab(turn)}", flush=True)

    def _tab(self, turn: Turn) -> str:
        return f"{self._ui}/dags/{turn.pipeline}/runs/{quote(turn.run_id, safe='')}/plugin/nightshift-report"
