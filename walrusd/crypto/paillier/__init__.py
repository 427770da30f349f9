"""Paillier's cryptosystem (Eurocrypt 1999) for vectors of signed integers, compatible with phe.

Sizes are in bytes unless a name says bits.
"""
