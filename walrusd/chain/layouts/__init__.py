"""The one table of layouts: what the contract stores and emits, byte for byte."""

from walrusd.chain.layouts import events, objects

__all__ = ["events", "objects"]
