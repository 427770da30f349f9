"""Verifiable envelopes: an opening's key for each recipient, which the contract can check.

docs/formats/envelope.md has the bytes, the equations and what they rest on.
"""
