"""One folder for each text source, and nothing that two of them share."""
