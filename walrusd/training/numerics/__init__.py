"""Arithmetic with specified bits. Products are ``(m, k) × (k, n) -> (m, n)``, as in BLAS."""
