"""The data owner: list datasets, grant or deny their keys."""
