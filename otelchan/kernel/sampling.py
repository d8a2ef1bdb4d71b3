"""What a program's threads are executing, looked at in time with their processor's clock: no probe, no trap.

A software perf event per thread (PERF_COUNT_SW_CPU_CLOCK) runs while the thread does, and at the end of each period
writes the stack, as its frame pointers lead through it, into a ring. Only code of the program itself is looked at.

Source of the layouts: include/uapi/linux/perf_event.h, struct perf_event_mmap_page and enum perf_event_type.
"""

from __future__ import annotations

import errno
import mmap
import os
import struct
from collections import Counter
from contextlib import suppress
from pathlib import Path

from otelchan import clock
from otelchan.errors import KernelError, TargetError
from otelchan.kernel.perf import PerfEventAttr, perf_event_open
from otelchan.plan.types import CpuSamples

PERIOD_NS = 500_000
"""Of a thread's processor time between two samples: 2000 a second while it runs."""

_TYPE_SOFTWARE, _CPU_CLOCK, _CALLCHAIN = 1, 0, 1 << 5
_EXCLUDE_KERNEL, _EXCLUDE_HV, _EXCLUDE_CALLCHAIN_KERNEL = 1 << 5, 1 << 6, 1 << 21
_RECORD_LOST, _RECORD_SAMPLE = 2, 9
_FIRST_CONTEXT = (1 << 64) - 4095  # PERF_CONTEXT_MAX: larger numbers in a stack are marks, not addresses
_DATA_HEAD, _DATA_TAIL = 1024, 1032
_DATA_BYTES = 1 << 16  # a third of a second, at 88 bytes a sample
_FRAMES = 8  # from runqput, in what wakes a goroutine, up to the channel operation it is six
_ROUND_NS = 100_000_000
_MOST_THREADS = 512  # 35 MB of rings
_PARANOID = Path("/proc/sys/kernel/perf_event_paranoid")


def sample_cpu(pid: int, duration_ns: int, period_ns: int = PERIOD_NS) -> CpuSamples:
    """Look at a process for so long; threads that it makes meanwhile are looked at within 0.1 s.

    Raises KernelError when it is not permitted: another user's process needs CAP_PERFMON, one's own does when
    kernel.perf_event_paranoid is over 2. Raises TargetError when the process is gone.
    """
    rings: dict[int, Ring] = {}
    stacks: Counter[tuple[int, ...]] = Counter()
    begin = clock.monotonic_ns()
    unseen = lost = 0
    try:
        while (left := begin + duration_ns - clock.monotonic_ns()) > 0:
            unseen = open_new(pid, period_ns, rings)
            clock.sleep_ns(min(left, _ROUND_NS))
            lost += sum(ring.drain(stacks) for ring in rings.values())
        elapsed = clock.monotonic_ns() - begin
        lost += sum(ring.drain(stacks) for ring in rings.values())
        cpu_ns = sum(ring.cpu_ns() for ring in rings.values())
    finally:
        for ring in rings.values():
            ring.close()
    return CpuSamples(stacks, period_ns, elapsed, cpu_ns, len(rings), unseen, lost)


def open_new(pid: int, period_ns: int, rings: dict[int, Ring], data_bytes: int = _DATA_BYTES) -> int:
    """Look at the threads that are not looked at yet; how many of them cannot be. data_bytes: of each ring, a power of
    two of pages. Raises KernelError when none can be, TargetError when the process is gone."""
    unseen = 0
    for thread in sorted(threads_of(pid) - rings.keys()):
        if len(rings) >= _MOST_THREADS:
            unseen += 1
            continue
        with suppress(ProcessLookupError):  # it has ended meanwhile
            try:
                rings[thread] = Ring(thread, period_ns, data_bytes)
            except OSError as error:
                if error.errno == errno.ESRCH:
                    continue
                if not rings:
                    raise KernelError(_reason(pid, error)) from None
                unseen += 1  # no more descriptors or locked memory
    return unseen


def threads_of(pid: int) -> set[int]:
    """Ids of the threads that a process has now. Raises TargetError when it is gone."""
    try:
        return {int(folder.name) for folder in Path(f"/proc/{pid}/task").iterdir()}
    except OSError:
        raise TargetError(f"process {pid} has exited; look for its successor") from None


def _reason(pid: int, error: OSError) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        paranoid = _PARANOID.read_text().strip() if _PARANOID.exists() else "unknown"
        return (
            f"process {pid} may not be sampled (kernel.perf_event_paranoid is {paranoid}); run as root, or with "
            "CAP_PERFMON and CAP_SYS_PTRACE"
        )
    return f"process {pid} cannot be sampled: {error.strerror}; use `--sample 0` to do without"


class Ring:
    """The event of one thread, and the ring that it writes into. Raises OSError."""

    def __init__(self, thread: int, period_ns: int, data_bytes: int = _DATA_BYTES) -> None:
        attributes = PerfEventAttr(
            type=_TYPE_SOFTWARE,
            config=_CPU_CLOCK,
            sample_period_or_freq=period_ns,
            sample_type=_CALLCHAIN,
            sample_max_stack=_FRAMES,
            flags=_EXCLUDE_KERNEL | _EXCLUDE_HV | _EXCLUDE_CALLCHAIN_KERNEL,
        )
        self._descriptor = perf_event_open(attributes, thread, -1)
        try:
            self._memory = mmap.mmap(self._descriptor, mmap.PAGESIZE + data_bytes)
        except OSError:
            os.close(self._descriptor)
            raise
        self._tail = 0

    def drain(self, stacks: Counter[tuple[int, ...]]) -> int:
        """Count what was written since the last time into `stacks`; how many samples were lost."""
        (head,) = struct.unpack_from("<Q", self._memory, _DATA_HEAD)
        data = _unrolled(self._memory, self._tail, head)
        self._tail = head
        struct.pack_into("<Q", self._memory, _DATA_TAIL, head)
        return count_records(data, stacks)

    def cpu_ns(self) -> int:
        """Processor time of the thread since it was opened, in the kernel too."""
        return int.from_bytes(os.read(self._descriptor, 8), "little")

    def close(self) -> None:
        """No more samples of it."""
        self._memory.close()
        os.close(self._descriptor)


def _unrolled(memory: mmap.mmap, tail: int, head: int) -> bytes:
    base = mmap.PAGESIZE
    size = len(memory) - base
    start, end = tail % size, head % size
    if head == tail:
        return b""
    if start < end:
        return memory[base + start : base + end]
    return memory[base + start : base + size] + memory[base : base + end]


def count_records(data: bytes, stacks: Counter[tuple[int, ...]]) -> int:
    """Count whole perf records of samples into `stacks`; how many they say were lost.

    A stack is the address being executed, then those of the calls that led to it: a byte before where they return to.
    """
    position = lost = 0
    while position < len(data):
        kind, _, size = struct.unpack_from("<IHH", data, position)
        if kind == _RECORD_SAMPLE:
            (count,) = struct.unpack_from("<Q", data, position + 8)
            chain = struct.unpack_from(f"<{count}Q", data, position + 16)
            addresses = [address for address in chain if address < _FIRST_CONTEXT]
            if addresses:
                stacks[(addresses[0], *(address - 1 for address in addresses[1:]))] += 1
        elif kind == _RECORD_LOST:
            lost += int(struct.unpack_from("<Q", data, position + 16)[0])
        position += size
    return lost
