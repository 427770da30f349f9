"""Computations that take long, in processes of their own."""
