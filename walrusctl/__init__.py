"""walrusctl: the command-line client of walrusd."""
