"""``walrusd devnet up``: a development network on which a market runs, with a place for you."""
