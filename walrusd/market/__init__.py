"""What the roles share: a case read from the chain, blobs, keys, limits, sums."""
