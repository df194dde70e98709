"""Makes runs in Airflow, follows them to their end and says where each report is."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from include.errors import ConfigurationError
from include.lake.paths import TRIAL_SUFFIX, Lake, manual_run_key
from include.local.airflow_api import UNFINISHED, AirflowApi
from include.local.children import Children
from include.local.say import LINE_SECONDS, Say, about, waiting_for
from include.local.summary import STAGES, report_path, run_row, shard_progress, stage_of, stage_words

LOOK_SECONDS = 1.0
DAGS_SECONDS = 120.0
# What reading the pipelines takes Airflow after its start, on two idle cores.
USUAL_DAGS_SECONDS = 8.0
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

    def __init__(self, api: AirflowApi, lake: Lake, children: Children, ui: str, say: Say) -> None:
        self._api, self._lake, self._children, self._ui, self._say = api, lake, children, ui, say
        self._told: set[tuple[str, int]] = set()

    def play(
        self, queues: Sequence[Sequence[Turn]], usual_seconds: float, *, first_alone: bool = False
    ) -> dict[Turn, str]:
        """Make the runs of all queues, each queue in order and the queues side by side.

        Args:
            usual_seconds: of one run, on two idle cores; the estimates begin with it.
            first_alone: the first queue's first run has the machine for itself, so that its report is there early.

        Returns:
            Each run that was made, with its final state. After one that failed, the rest of its queue is not made.

        Raises:
            ConfigurationError: a part of Airflow died, a DAG did not appear, or a run does not end.
        """
        waiting = [list(queue) for queue in queues]
        running: list[Turn] = []
        ended: dict[Turn, str] = {}
        begun = said_at = time.monotonic()
        while any(waiting) or running:
            self._check_alive(begun)
            for queue in waiting:
                is_first = queue is waiting[0]
                if queue and not any(turn.pipeline == queue[0].pipeline for turn in running):
                    if first_alone and not is_first and not ended:
                        continue
                    running.append(queue.pop(0))
                    self._start(running[-1])
            left = sum(map(len, waiting)) + len(running)
            lines, shares = [], 0.0
            for turn in tuple(running):
                state = self._api.state(turn.pipeline, turn.run_id)
                if state not in UNFINISHED:
                    running.remove(turn)
                    ended[turn] = state
                    said_at = time.monotonic()
                    self._tell_end(turn, state)
                    if state != "success":
                        for queue in waiting:
                            if queue and queue[0].pipeline == turn.pipeline:
                                queue.clear()
                    continue
                line, share = self._look(turn)
                lines.append(line)
                shares += share
            if lines and time.monotonic() - said_at > LINE_SECONDS:
                said_at = time.monotonic()
                done = len(ended) + shares
                # The usual time counts as much as one run that was measured.
                pace = (said_at - begun + usual_seconds) / (done + 1)
                self._say(f"{'; '.join(lines)}. {about(pace * (left - shares))}")
            time.sleep(LOOK_SECONDS)
        return ended

    def _check_alive(self, begun: float) -> None:
        dead = self._children.dead()
        if dead:
            raise ConfigurationError(f"{dead} has stopped by itself. Its log is {self._children.log_path(dead)}.")
        if time.monotonic() - begun > RUN_SECONDS:
            raise ConfigurationError(f"Runs did not end within {RUN_SECONDS / 3600:.0f} hours: see the UI.")

    def _start(self, turn: Turn) -> None:
        with waiting_for("Airflow to read the pipelines", USUAL_DAGS_SECONDS, self._say):
            if not self._api.wait_for_dag(turn.pipeline, DAGS_SECONDS):
                raise ConfigurationError(f"DAG {turn.pipeline} did not appear. {' '.join(self._api.import_errors())}")
        turn.prepare()
        self._api.trigger(turn.pipeline, turn.run_id, turn.form)

    def _look(self, turn: Turn) -> tuple[str, float]:
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
        share = float(STAGES.index(stage))
        if progress and progress["total"]:
            share += progress["done"] / progress["total"]
        return f"{turn.label}: {stage_words(stage, progress)}", share / len(STAGES)

    def _tell_end(self, turn: Turn, state: str) -> None:
        if state != "success":
            self._say(f"{turn.label}: {state}")
            for task in self._api.tasks(turn.pipeline, turn.run_id):
                if task["state"] == "failed":
                    error = self._api.last_error(turn.pipeline, turn.run_id, task)
                    self._say(f"{turn.label}: {task['task_id']} failed: {error}")
        row = run_row(self._lake, turn.pipeline, turn.run_key)
        path = report_path(self._lake, turn.pipeline, turn.run_key)
        if state != "success" or row is None or path is None:
            return
        if row["requests"] == 0 and row["skipped"] == row["extracted"]:
            self._say(f"{turn.label}: 0 asked, all {row['skipped']} skipped: already answered")
        else:
            skipped = f", {row['skipped']} skipped: already answered" if row["skipped"] else ""
            self._say(
                f"{turn.label}: report ready, {row['published']} texts answered, "
                f"{row['quarantined']} in quarantine{skipped}"
            )
        print(f"        file {self._lake.uri(path)}\n        tab  {self._tab(turn)}", flush=True)

    def _tab(self, turn: Turn) -> str:
        return f"{self._ui}/dags/{turn.pipeline}/runs/{quote(turn.run_id, safe='')}/plugin/nightshift-report"
