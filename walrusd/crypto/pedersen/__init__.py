"""Pedersen commitments (1991) over BLS12-381 G1, of a cost and of vectors."""
