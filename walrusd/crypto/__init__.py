"""Cryptography on bytes and file objects it is given: no I/O of its own."""
