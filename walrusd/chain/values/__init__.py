"""The values of Sui: addresses, digests, type tags, BCS."""
