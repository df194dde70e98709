"""What every room may use on a text: cleaning, column names, content hashes."""
