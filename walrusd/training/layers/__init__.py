"""Layers and models made of the operators."""
