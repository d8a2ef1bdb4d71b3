"""What the agent used for a moment goes back to the kernel."""

from __future__ import annotations

import subprocess
import sys

from otelchan.kernel.footprint import Leftovers

SECOND = 1_000_000_000
BLOCKS = """
import os
from otelchan.kernel.footprint import Leftovers
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
leftovers = Leftovers()
blocks = [bytearray(100_000) for _ in range(400)]
used = resident()
del blocks[:-1]
kept = resident()
leftovers.round(0)
leftovers.tick(10**9)
print(used, kept, resident())
"""


def test_freed_blocks_below_one_that_is_used_go_back() -> None:
    """malloc by itself keeps them."""
    answer = subprocess.run([sys.executable, "-c", BLOCKS], check=True, capture_output=True, text=True).stdout
    used, kept, left = map(int, answer.split())

    assert kept > used - 10_000_000
    assert left < used - 30_000_000


def test_each_round_is_followed_by_two_of_them() -> None:
    """When what it made is likely to have been sent, and once more; nothing before the first round."""
    leftovers = Leftovers()
    assert not leftovers.tick(0)
    leftovers.round(0)
    times = [tenth for tenth in range(100) if leftovers.tick(tenth * SECOND // 10)]
    assert [5, 30] == times
