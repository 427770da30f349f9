"""Intermediate values of training, from rational numbers: the files of ``tests/vectors/training``.

Everything here follows walrusd/training/SPEC.md with Python's integers and fractions; it imports
neither the product nor the NumPy implementation in ``tests/training/oracle``, so that a file and
what is compared with it have two sources. The hashed forms stand in ``forms.py`` alone.

    python -m tests.training.vectors            compares the files with what is computed here
    python -m tests.training.vectors --write    writes them anew
"""
