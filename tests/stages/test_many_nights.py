"""Weeks of nights as they come, with late texts, edits, deaths, trials and backfills, and still each text once."""

import json
import random
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from include.errors import RetryLater
from include.lake.paths import is_trial
from include.lake.read import read_table
from include.settings import source_setting
from include.sources.web_api import MAX_ATTEMPTS
from include.stages.failure import record_failure
from include.stages.window import last_success
from tests.servers.provider import Answer
from tests.stages.help_desk_scenario import DAY, HOUR, NIGHT, Office, office

__all__ = ["office"]

DAYS = 8


class Weeks:
    """A desk at which things happen, and a night watch that makes mistakes; the same seed does the same."""

    def __init__(self, office: Office, folder: Path, seed: int) -> None:
        self.office, self.folder, self.chance = office, folder, random.Random(seed)
        self.texts: dict[str, str] = {}
        self.bad: set[str] = set()
        self.missed: list[datetime] = []

    def write(self, end: datetime) -> None:
        """What customers do before a night: new tickets, some late, some undated, some empty, and edits of old ones."""
        for number in range(self.chance.randrange(4)):
            ticket = f"{end:%d}-{number}"
            self.texts[ticket] = f"Ticket {ticket} has a problem."
            # Late by less than the lookback.
            hours = self.chance.choice([1.0, 2.0, self.chance.uniform(24, 46)])
            self.office.write(ticket, end - timedelta(hours=hours), self.texts[ticket])
            if self.chance.random() < 0.15:
                self.office.rows[-1]["created_at"] = None
        if self.chance.random() < 0.2:
            self.bad.add(f"{end:%d}-bad")
            self.office.write(f"{end:%d}-bad", end - HOUR, " ")
        for ticket in self.chance.sample(sorted(self.texts), min(len(self.texts), self.chance.randrange(3))):
            if any(row["id"] == ticket for row in self.office.rows):
                self.texts[ticket] = f"Ticket {ticket} is open again since {end:%d}."
                changed_at = (end - timedelta(hours=self.chance.uniform(0.1, 10))).isoformat()
                self.office.write(ticket, end - 3 * DAY, self.texts[ticket], updated_at=changed_at)
        current = self.office.current() if list(self.office.deployment.lake.files("current", "support_tickets")) else {}
        done = [ticket for ticket, text in current.items() if self.texts.get(ticket) == text]
        if done and self.chance.random() < 0.3:
            deleted = self.chance.choice(sorted(done))
            self.office.rows = [row for row in self.office.rows if row["id"] != deleted]

    def night(self, end: datetime) -> None:
        """A scheduled night, which may fail on the way."""
        office, run = self.office, self.office.settle(end)
        how = self.chance.choice(["well", "well", "missed", "source fails", "dies", "fails", "fails and is cleared"])
        if how == "well":
            office.night(end)
            return
        if how == "source fails":
            office.desk.fail(Answer(500), times=MAX_ATTEMPTS)
            with pytest.raises(RetryLater):
                office.extract(run)
        elif how != "missed":
            office.extract(run)
            if how != "dies":
                office.plan(run)
                record_failure(office.deployment.lake, run)
        if how == "fails and is cleared":
            office.night(end)
        else:
            self.missed.append(end)

    def day(self, now: datetime) -> None:
        """What people do by day."""
        office, what = self.office, self.chance.randrange(8)
        since = (now - 6 * DAY).isoformat()
        if what == 0:
            office.night(now, trigger="manual", run_id=f"manual__{now}", limit=1)
        elif what == 1:
            office.night(now, trigger="manual", run_id=f"trial__{now}", prompt_version="v2", since=since)
        elif what == 2:
            office.night(now, trigger="manual", run_id=f"dry__{now}", dry_run=True, since=since)
        elif what == 3:
            office.night(now, trigger="manual", run_id=f"since__{now}", since=since, until=(now - DAY).isoformat())
        elif what == 4:
            self.texts[f"{now:%d}-file"] = "From a file."
            row = {"id": f"{now:%d}-file", "text": "From a file.", "created_at": (now - HOUR).isoformat()}
            (self.folder / "files.jsonl").write_text(json.dumps(row))
            office.environ[source_setting("support_tickets")] = str(self.folder / "files.jsonl")
            office.night(now, trigger="manual", run_id=f"files__{now}")
            office.environ.clear()
        elif what == 5 and self.missed:
            office.night(self.missed.pop(0))
        elif what == 6:
            end = now - now.hour * HOUR + 3 * HOUR
            nights = [end - number * DAY for number in self.chance.sample(range(5), 2)]
            for night in nights:
                read_from = self.chance.choice(["source", "raw"])
                # Nights that have run keep their run ids.
                office.night(night, trigger="backfill", run_id=office.settle(night).run_id, read_from=read_from)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [3, pytest.param(11, marks=pytest.mark.long)])
def test_whatever_happens_each_version_has_one_outcome_and_is_asked_about_once(
    office: Office, tmp_path: Path, seed: int
) -> None:
    weeks = Weeks(office, tmp_path, seed)
    for number in range(DAYS):
        weeks.write(NIGHT + number * DAY)
        weeks.night(NIGHT + number * DAY)
        weeks.day(NIGHT + number * DAY + 9 * HOUR)
    for number in range(DAYS, DAYS + 2):
        office.night(NIGHT + number * DAY)

    lake = office.deployment.lake
    outcomes = Counter[tuple[str, str]]()
    for table in ("results", "quarantine"):
        for path in lake.files(table, "support_tickets"):
            if not is_trial(path):
                rows = read_table(lake, path, ["record_id", "record_version"]).to_pylist()
                outcomes.update((row["record_id"], row["record_version"]) for row in rows)
    assert set(outcomes.values()) == {1}
    assert office.current() == weeks.texts
    assert set(office.deployment.table("quarantine")["record_id"]) == weeks.bad
    runs = office.deployment.table("runs")
    assert (runs["extracted"] == runs["published"] + runs["quarantined"] + runs["skipped"]).all()
    assert last_success(lake, "support_tickets") == NIGHT + (DAYS + 1) * DAY
    # But for the tiny question before a run, which is the same for all of one prompt.
    tiny = runs["prompt_version"].nunique()
    assert set(sorted(office.server.counters().calls_per_key.values())[:-tiny]) == {1}
