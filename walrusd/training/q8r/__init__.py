"""The profile ``exact-q8r/2`` (SPEC §11): operators that round each line to eight bits.

Shapes are in the letters of ``training.operators``.
"""
