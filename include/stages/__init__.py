"""The stages of a run, in order: extract, plan, infer, validate, publish, report."""
