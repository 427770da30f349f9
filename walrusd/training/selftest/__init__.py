"""Whether this machine computes the specified bits."""
