"""The command line of ``walrusd``: one module a group of commands."""
