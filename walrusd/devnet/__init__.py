"""A Sui and a Walrus network in one process, with the real protocols, for development and tests."""
