"""Plays of the market, written once: on the specification, in the Move VM, on the devnet.

``docs/scenarios.md`` is the guide.
"""
