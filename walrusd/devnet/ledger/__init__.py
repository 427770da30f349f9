"""The ledger: objects, transactions, effects, checkpoints, epochs."""
