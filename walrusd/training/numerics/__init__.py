"""Arithmetic with specified bits."""
