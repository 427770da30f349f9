"""What is changed, and by which tests it must be noticed."""

ROOMS = ("core", "chain", "state", "storage", "crypto", "services")
"""The rooms of the program whose modules are changed."""

SUITES = (
    *ROOMS,
    *("contract", "engine", "examination", "market", "publish", "verify"),
)
"""The folders of tests that are run. The others need much time, or do not run these rooms."""
