"""Shared by the roles: cases read from the chain, blobs, keys, limits, sums."""
