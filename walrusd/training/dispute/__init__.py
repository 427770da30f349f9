"""A step of training taken apart, to be judged operation by operation."""
