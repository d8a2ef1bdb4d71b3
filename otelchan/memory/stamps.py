"""What `g.waitsince` says about how long a goroutine has been waiting.

A cycle of the garbage collector stamps every wait that it meets, once. But the time that it writes is that of the cycle
before, when the wait may not have begun (markroot in src/runtime/mgcmark.go takes work.tstart, which gcMark in mgc.go
sets at the end of a cycle; Go 1.19 to 1.27). So a stamp is no lower bound of the wait's age, and the next later stamp
that any goroutine has is: it is the time of the end of the cycle that met the wait, or of one after it.
"""

from __future__ import annotations

import numpy as np

from otelchan.memory.rows import Indices

_KEPT = 1000
NO_CYCLES: Indices = np.zeros(0, np.int64)


def cycles_in(stamps: Indices, known: Indices = NO_CYCLES) -> Indices:
    """The times of cycles that these stamps tell of, and those that are known already; ascending, the last 1000."""
    times = np.sort(np.concatenate((known, stamps[stamps != 0])))
    different = np.ones(len(times), np.bool_)
    different[1:] = times[1:] != times[:-1]
    last: Indices = times[different][-_KEPT:]
    return last


def begun_by(stamps: Indices, cycles: Indices, now_ns: int) -> Indices:
    """When each of these waits had begun for certain; now_ns where nothing proves it. cycles: as cycles_in."""
    times = np.append(cycles[cycles < now_ns], now_ns)
    later = times[np.minimum(np.searchsorted(times, stamps, "right"), len(times) - 1)]
    return np.where(stamps != 0, later, now_ns)
