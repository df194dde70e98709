"""Survey answers: what guests liked, missed or suggest in their own words, and how much it weighs."""
