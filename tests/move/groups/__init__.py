"""The contract's group operations on the real group, which the unit tests' VM only stubs."""
