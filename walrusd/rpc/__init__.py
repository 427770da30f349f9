"""JSON-RPC over a Unix socket."""
