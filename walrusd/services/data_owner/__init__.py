"""List datasets, grant or deny their keys."""
