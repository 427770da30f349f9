"""Layers and models made of the operators. Shapes are in the letters of ``training.operators``."""
