"""How many threads ``daemon.threads`` stands for. All that compute ask here."""

import os


def count_threads(setting: int) -> int:
    """Return ``setting``; for 0 the number of cores that this process may use."""
    return setting or len(os.sched_getaffinity(0))
