"""Administration: publish, upgrade and migrate the contract, check a network."""
