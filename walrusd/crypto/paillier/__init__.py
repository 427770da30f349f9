"""Paillier's cryptosystem (Eurocrypt 1999) for vectors of signed integers, compatible with phe."""
