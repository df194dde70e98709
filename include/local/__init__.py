"""Everything on one machine: `make run`, the bundled model, `make try`."""
