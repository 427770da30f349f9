"""The allocator of the training child: each step takes and gives back the same large blocks."""

import ctypes

_TRIM_THRESHOLD = -1
_MMAP_THRESHOLD = -3
_LARGEST_BLOCK = 1 << 25
_KEPT_BYTES = 1 << 30


def keep_freed_memory() -> bool:
    """Let glibc keep freed blocks for the next step; say whether it does.

    By default it returns large blocks to the system at once, and every step of training pays for
    fresh pages: a tenth of its time. Other C libraries have no such switch and are left alone.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    kept = mallopt(_MMAP_THRESHOLD, _LARGEST_BLOCK) and mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
    return bool(kept)
