"""The contract as a package: compiled modules, publication, upgrades."""
