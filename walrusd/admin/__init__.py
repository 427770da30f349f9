"""What is done to a network: publish, upgrade and migrate the contract, check a network."""
