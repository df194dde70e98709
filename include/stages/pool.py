"""The Airflow pool that all `infer` tasks share."""

POOL = "llm"
# How many shards run at once, over all runs and DAGs, until somebody changes the pool in the UI.
POOL_SLOTS = 4
