"""Fixtures for all tests, and an Airflow home of their own."""

import os
import tempfile
from pathlib import Path

# Before Airflow is imported anywhere: tests never touch a real Airflow's database, connections or environment.
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="nightshift-airflow-")
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(Path(__file__).parents[1] / "dags")
os.environ["AIRFLOW__CORE__PLUGINS_FOLDER"] = str(Path(__file__).parents[1] / "plugins")
# Nor a provider, store or help desk that the shell is set up for.
_OTHERS = (
    *("OPENAI_", "NIGHTSHIFT_", "AIRFLOW_CONN_", "APP_STORE_", "GOOGLE_PLAY_", "CALL_TRANSCRIPTS_", "ZENDESK_"),
    *("SURVEY_ANSWERS_", "GOOGLE_APPLICATION_CREDENTIALS", "AWS_"),
)
for name in [name for name in os.environ if name.startswith(_OTHERS)]:
    del os.environ[name]

pytest_plugins = ["tests.fault_server.fixtures"]
