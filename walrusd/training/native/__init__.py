"""Optional compiled kernels: the bits of the torch definitions, in less time."""
