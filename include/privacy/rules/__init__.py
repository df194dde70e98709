"""What is found by rules: patterns, check digits, what people say around a name, and lists of names."""
