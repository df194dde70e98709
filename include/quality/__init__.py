"""Great Expectations, the quarantine, Data Docs, and scores against golden labels."""
