"""A run: steps, states, trace, update. Shapes are in the letters of ``training.operators``."""
