"""Exact training: the arithmetic, and all that is computed with it. The only importer of torch.

SPEC.md defines every bit; "SPEC §n" in a docstring is its chapter n. ``training.operators``
explains the letters of shapes.
"""
