"""The contract's entry points as methods, one module of calls per part of the contract."""
