"""The language of an answer: its schema, its quotes, how it is parsed, its Arrow types."""
