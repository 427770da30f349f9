"""How many threads ``daemon.threads`` stands for. All that compute ask here."""

import os

WAITING = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Environment of a process that computes, to be set before it imports torch.

Threads that have nothing to do sleep. By default they spin, and where other work takes their turns
(a training beside two replays, other daemons) two threads then took ten times as long as one.
"""


def count_threads(setting: int) -> int:
    """Return ``setting``; for 0 the number of cores that this process may use."""
    return setting or len(os.sched_getaffinity(0))
