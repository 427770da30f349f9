"""A submission looked at: replayed, compared with what was committed, and judged."""
