"""A transaction from its inputs to its effects, sent at most once."""
