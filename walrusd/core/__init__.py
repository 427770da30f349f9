"""Pure decisions: no I/O, no trio, no third-party libraries."""
