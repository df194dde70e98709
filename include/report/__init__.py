"""The digest that people read after a run."""
