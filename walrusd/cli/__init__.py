"""The command line of ``walrusd``: one module per group of commands."""
