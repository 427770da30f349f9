"""Stake, train, commit, open."""
