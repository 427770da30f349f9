"""Decide what a committee and a contributor cannot agree on."""
