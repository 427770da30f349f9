"""How many threads the setting ``daemon.threads`` stands for, for everything that computes."""

import os

WAITING = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Environment of a process that computes, to be set before it imports torch.

It makes idle threads sleep. By default they spin, and beside other work (a training next to two
replays, other daemons) two threads then took ten times as long as one.
"""


def count_threads(setting: int) -> int:
    """Return ``setting``; for 0 the number of cores that this process may use."""
    return setting or len(os.sched_getaffinity(0))
