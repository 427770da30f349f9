"""Vector Pedersen commitments over BLS12-381 G1."""
