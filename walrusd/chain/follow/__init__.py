"""The events of the contract, each once and in order, over outages and pruning."""
