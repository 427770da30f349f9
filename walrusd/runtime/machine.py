"""What this machine has, as far as the operating system lets the daemon use it."""

import os
import resource
from pathlib import Path

_CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def read_memory_limit(cgroup_limits: tuple[Path, ...] = _CGROUP_LIMITS) -> int:
    """Return how many bytes of memory this process and its children may use.

    The least of the machine's memory, the limit of its control group, and that of the address
    space.
    """
    found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    soft, _hard = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        found.append(soft)
    for path in cgroup_limits:
        try:
            text = path.read_text("ascii").strip()
        except OSError:
            continue  # another version of control groups, or none
        if text.isdecimal():
            found.append(int(text))
    return min(found)
