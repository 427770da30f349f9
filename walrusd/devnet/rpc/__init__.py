"""A full node's gRPC services over the ledger."""
