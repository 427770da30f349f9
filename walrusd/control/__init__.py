"""The RPC methods of a running daemon, for its owner."""
