"""Open tasks, publish their sums."""
