"""The Airflow pool that all `infer` tasks share."""

POOL = "llm"
# How many shards run at once, over all runs and DAGs. Each keeps to its share of the provider's limit, so that all
# together never go over it.
POOL_SLOTS = 4
