"""walrusd: a peer daemon for a market in verified machine-learning training."""

__version__ = "0.1.0"
