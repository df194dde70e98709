"""The Airflow pools: what all `infer` tasks share, and what lets one task at a time write the themes."""

POOL = "llm"
# How many shards run at once, over all runs and DAGs, until somebody changes the pool in the UI.
POOL_SLOTS = 4
# Themes belong to all pipelines, and a night adds to what the one before has left. It stays at one slot.
THEMES_POOL = "themes"
