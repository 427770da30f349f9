"""The profile ``exact-q8r/1`` (SPEC §11): operators that round each line to eight bits.

Shapes are in the letters of ``training.operators``.
"""
