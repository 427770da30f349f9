"""Optional compiled kernels: the bits of the torch definitions, in less time.

Shapes are in the letters of ``training.operators``; products are ``(m, k) × (k, n)``.
"""
