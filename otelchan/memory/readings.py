"""The newest reading of the program's own clock that its runtime left in memory: when it lived at the latest.

A core file has no clock. But the runtime keeps values of nanotime: g.waitsince of waits that a garbage collection met,
on each P when a worker of the last collection started (gcBgMarkWorker in src/runtime/mgc.go; the runtime collects at
least every two minutes while it allocates or not, forcegcperiod in proc.go), and when sysmon last saw the P switch
goroutines (retake in proc.go). Go 1.19 to 1.27.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from otelchan.gobinary.types import Globals, Layout
from otelchan.memory.bulk import structs
from otelchan.memory.types import Reader

_MOST_PROCESSORS = 1 << 20


def newest_reading(reader: Reader, layout: Layout, globals_: Globals, bias: int, stamps: Iterable[int]) -> int:
    """Nanoseconds of runtime.nanotime; 0 when there is no reading at all. stamps: g.waitsince of the goroutines.

    Raises MemoryGone when the list of Ps cannot be read.
    """
    pointer, length, _ = np.frombuffer(reader.read(globals_.allp + bias, 24), np.uint64).tolist()
    processors = np.frombuffer(reader.read(pointer, 8 * min(length, _MOST_PROCESSORS)), np.uint64)
    fields = {name: (layout[f"p.{name}"], np.int64) for name in ("gcMarkWorkerStartTime", "sysmontick.schedwhen")}
    found, whole = structs(reader, processors, fields)
    readings = [int(column[whole].max(initial=0)) for column in found.values()]
    return max(0, *readings, *stamps)
