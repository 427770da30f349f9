"""A run: steps, states, trace, update."""
