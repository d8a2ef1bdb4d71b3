"""Our own memory: an agent on every node should not keep what it used for a moment."""

from __future__ import annotations

import ctypes

_M_MMAP_THRESHOLD = -3  # malloc.h of glibc
_LARGE = 1 << 20


def give_back_large_blocks() -> bool:
    """Have every block of 1 MiB and more go back to the kernel when it is freed; False where malloc has no such switch.

    glibc raises this threshold by itself, up to 32 MiB, once a large block has been freed, and then keeps the freed
    blocks of one census for the next one (mallopt(3), M_MMAP_THRESHOLD: setting it ends that). Saves 4 MB of 69 in an
    agent that watches one small program.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and mallopt(_M_MMAP_THRESHOLD, _LARGE) == 1
