"""The embedded Sui and Walrus stand-in: real protocols, one process."""
