"""The provider's limit, kept by all workers of a cluster together; and the budget of a run."""
