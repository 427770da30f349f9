"""The allocator of the training process: each step takes and frees the same large blocks."""

import ctypes

_TRIM_THRESHOLD = -1
_MMAP_THRESHOLD = -3
_LARGEST_BLOCK = 1 << 25
_KEPT_BYTES = 1 << 30


def keep_freed_memory() -> bool:
    """Make glibc keep freed blocks for the next step; return whether it does.

    By default it returns large blocks to the system at once, and every step of training spends a
    tenth of its time on fresh pages. Other C libraries have no such setting.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    kept = mallopt(_MMAP_THRESHOLD, _LARGEST_BLOCK) and mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
    return bool(kept)
