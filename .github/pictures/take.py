"""`make pictures`: the README's picture, taken from the recorded weeks of a `make run` whose UI is up."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import requests

from include.errors import ConfigurationError, NightshiftError
from include.local.airflow_api import AirflowApi
from include.local.standalone import LOCK, ROOT, airflow_home
from include.local.weeks import RUN_NAME

PICTURE = ROOT / ".github" / "pictures" / "run.png"
PIPELINE = "app_store_reviews"
# The week in which a release has broken something.
WEEK = 2
# Milliseconds of the page's own clock that its requests may take; a headless browser does not wait for them otherwise.
PATIENCE = 20_000


def browser() -> str:
    """Path of a Chromium.

    Raises:
        ConfigurationError: there is none.
    """
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        raise ConfigurationError("No Chromium is on the PATH. Install one (Debian: apt install chromium).")
    return found


def report_tab() -> str:
    """Address of the report in the UI that is up.

    Raises:
        ConfigurationError: `make run` is not up here, or has not played the week.
    """
    lock = airflow_home(print) / LOCK
    ui = lock.read_text().strip() if lock.exists() else ""
    try:
        runs = AirflowApi(ui).call("GET", f"dags/{PIPELINE}/dagRuns?state=success&limit=100")["dag_runs"] if ui else []
    except requests.RequestException:
        runs = []
    weeks = sorted(run["dag_run_id"] for run in runs if run["dag_run_id"].startswith(f"{RUN_NAME}__week-{WEEK}__"))
    if not weeks:
        raise ConfigurationError(f"Start `make run`, wait for the report of {PIPELINE}, week {WEEK}, and leave it up.")
    return f"{ui}/dags/{PIPELINE}/runs/{weeks[-1]}/plugin/nightshift-report"


def take(address: str, picture: Path) -> None:
    """Write a page as a PNG, 1440 by 1250 pixels."""
    with tempfile.TemporaryDirectory() as profile:
        command = [browser(), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"]
        command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
        command += [f"--user-data-dir={profile}", "--window-size=1440,1250", f"--virtual-time-budget={PATIENCE}"]
        subprocess.run([*command, f"--screenshot={picture}", address], check=True, capture_output=True)


def main() -> int:
    """The command behind `make pictures`."""
    try:
        take(report_tab(), PICTURE)
    except NightshiftError as error:
        print(error)
        return 1
    print(PICTURE.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
