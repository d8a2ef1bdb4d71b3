"""Time slices: the operations of a program counted for some milliseconds, and the traps taken out again.

For a program whose operations are too many to be counted all. What a slice counts is in maps of its own (bpf/slices.h):
the exact series never have a part of it.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import NamedTuple

import numpy as np

from otelchan import clock
from otelchan.errors import KernelError
from otelchan.kernel import syscall
from otelchan.kernel.links import Attach
from otelchan.kernel.session import Session
from otelchan.kernel.types import GATE, MAPS, SLICE, SLICE_KINDS, Kind, SliceCounts
from otelchan.plan.types import AttachPlan, Plane, PlannedSite

_NEVER = (1 << 64) - 1
_LEADS_NS = (20_000, 40_000, 80_000)
"""From when the gate is written to when it opens: what comes before it is written is missed. The first that will do."""
_LATE = 20  # one part of so many of a gate may be missed so
_SWITCH_S = 0.0002
"""While traps are in: so long, at most, another thread of this process may keep this one from taking them out."""
_MOST_WAIT_S = 1.0
_CHUNK = 512  # elements that are read at once


class Slice(NamedTuple):
    """What is to be counted: the sites (see slice_sites) of a target at file offsets of `path`, for `gate_ns`.

    cookies: as planned, one for each offset. pid: as this process knows it. begin_ns: the traps do not go in before
    then, CLOCK_MONOTONIC; a second ahead at most. file: (device, inode) that the offsets are of; None: whatever `path`
    is. The target's entry must have been written.
    """

    target: int
    pid: int
    path: str
    offsets: Sequence[int]
    cookies: Sequence[int]
    gate_ns: int
    begin_ns: int = 0
    file: tuple[int, int] | None = None


class Taken(NamedTuple):
    """A slice that is over. result: what it saw, or why there is nothing: then no trap is left either."""

    slice: Slice
    result: SliceCounts | KernelError


def slice_sites(plan: AttachPlan) -> list[PlannedSite]:
    """Where a program must be probed in a slice: all that passes through buffers, and from goroutine to goroutine.

    None when the plan has no operations plane or no waits plane.
    """
    if Plane.OPERATIONS not in plan.planes or Plane.WAITS not in plan.planes:
        return []
    sites = [*plan.planes[Plane.WAITS], *plan.planes[Plane.OPERATIONS]]
    return [site for site in sites if kind_of(site.cookie) in SLICE_KINDS]


def kind_of(cookie: int) -> Kind:
    """OC_COOKIE_KIND."""
    return Kind(cookie >> 16 & 0xFF)


def _gate(begin: int, end: int) -> bytes:
    return np.array((begin, end), GATE).tobytes()


@contextmanager
def _opened(wanted: Slice) -> Iterator[str]:
    """A path to the file that the offsets are of: in another one, which the process may execute by now, they might be
    within an instruction. It need not be readable: who was given the program by name may not read it any more, and
    the kernel does not ask for that (man 2 open, O_PATH). Raises KernelError, OSError."""
    descriptor = os.open(wanted.path, os.O_PATH | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if wanted.file not in (None, (status.st_dev, status.st_ino)):
            raise KernelError(f"no time slice of pid {wanted.pid} can be taken: it executes another file now")
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


@contextmanager
def _at_once() -> Iterator[None]:
    """This thread goes on at once when it has waited long enough: neither the programs, which may have all processors,
    nor this process's other threads may make a trap stay. It only needs tens of microseconds.

    Where the priority is not permitted (CAP_SYS_NICE), traps may stay for some milliseconds longer, and are counted.
    """
    interval, policy, parameters = sys.getswitchinterval(), os.sched_getscheduler(0), os.sched_getparam(0)
    sys.setswitchinterval(_SWITCH_S)
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
        with suppress(OSError):  # who may not have the priority may not leave SCHED_IDLE either, and has not
            os.sched_setscheduler(0, policy, parameters)


def _one_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "otelchan-slices")


class Slicer:
    """Takes slices, one at a time over all programs, in a thread of its own, so that nobody waits for the kernel.

    After the gate, 30 to 50 ms go by until the kernel has taken everything back; the traps go first.
    """

    def __init__(self, session: Session) -> None:
        """Nothing happens until the first slice. Slices need uprobe_multi links: see `possible`."""
        self._program, self._fds = session.slicing()
        self._multi = session.way is Attach.MULTI
        self._thread = _one_thread()
        self._cancelled = threading.Event()
        self._running: Slice | None = None
        self._future: Future[SliceCounts] | None = None

    @property
    def possible(self) -> bool:
        """Whether this kernel can take slices: with a perf event per site it takes a tenth of a second for each."""
        return self._multi

    @property
    def busy(self) -> bool:
        """Whether a slice is under way, or its result has not been taken yet."""
        return self._running is not None

    def start(self, wanted: Slice) -> bool:
        """Begin a slice and return at once; False, and nothing happens, while `busy`.

        Raises KernelError where slices are not possible, or no thread can be had.
        """
        if not self.possible:
            raise KernelError("time slices need uprobe_multi links, which this kernel has not; use Linux 6.10 or newer")
        if self.busy:
            return False
        self._cancelled.clear()
        try:
            self._running, self._future = wanted, self._thread.submit(self._take, wanted)
        except RuntimeError as error:
            self._thread.shutdown(wait=False, cancel_futures=True)  # it would be taken when there is a thread again
            self._thread = _one_thread()
            raise KernelError(f"no time slice of pid {wanted.pid} can be taken: {error}") from error
        return True

    def taken(self) -> Taken | None:
        """The slice that is over since it was last asked for; never waits."""
        if self._running is None or self._future is None or not self._future.done():
            return None
        wanted, future = self._running, self._future
        self._running = self._future = None
        try:
            return Taken(wanted, future.result())
        except KernelError as error:
            return Taken(wanted, error)

    def cancel(self, target: int) -> None:
        """No trap of a slice of this target is left when this returns, nor will there be a result of it."""
        if self._running is None or self._future is None or self._running.target != target:
            return
        self._cancelled.set()
        self._future.exception()
        self._running = self._future = None

    def close(self) -> None:
        """No trap is left when this returns; ends a slice that is under way."""
        self._cancelled.set()
        self._thread.shutdown()

    def _take(self, wanted: Slice) -> SliceCounts:
        """One slice. Raises KernelError."""
        key = wanted.target.to_bytes(4, "little")
        syscall.map_update(self._fds["slices"], key, bytes(SLICE.itemsize))
        self._set_gate(key, _NEVER, _NEVER)
        ahead_s = (wanted.begin_ns - clock.monotonic_ns()) / 1e9
        self._wait(min(ahead_s, _MOST_WAIT_S))
        try:
            with self._attached(wanted):
                begin, end, cpu_ns = self._open(wanted, key)
        except OSError as error:
            raise KernelError(f"no time slice of pid {wanted.pid} can be taken: {error.strerror}") from error
        finally:
            counted = self._drain(wanted.target)
        raw = syscall.map_lookup(self._fds["slices"], key, SLICE.itemsize)
        seen = np.frombuffer(raw or bytes(SLICE.itemsize), SLICE)[0]
        hits: dict[int, int] = {kind: int(seen["in"]["hits"][kind]) for kind in SLICE_KINDS}
        outside = int(seen["in"]["sliced"]) - sum(hits.values())
        first, last = int(seen["first"]) or begin, int(seen["last"])
        attached_ns = max(last, end) - min(first, begin)
        return SliceCounts(begin, end, counted, hits, outside, cpu_ns, attached_ns, int(seen["in"]["lost"].sum()))

    @contextmanager
    def _attached(self, wanted: Slice) -> Iterator[None]:
        """With the traps in. The kernel takes them out first of all, and then waits until nobody is in one."""
        with _opened(wanted) as path, _at_once():
            arguments = path, list(wanted.offsets), list(wanted.cookies), wanted.pid
            link = syscall.link_uprobe_multi(self._program, *arguments)
            try:
                yield
            finally:
                os.close(link)

    def _open(self, wanted: Slice, key: bytes) -> tuple[int, int, int]:
        """Open the gate and wait until it has closed: when it did so, and processor time within. Raises OSError."""
        before = clock.monotonic_ns()
        spent_before = clock.process_cpu_ns(wanted.pid)
        begin, end = self._write_ahead(key, wanted.gate_ns)
        self._wait((end - clock.monotonic_ns()) / 1e9)
        spent = clock.process_cpu_ns(wanted.pid) - spent_before
        return begin, end, spent * wanted.gate_ns // (clock.monotonic_ns() - before)

    def _write_ahead(self, key: bytes, gate_ns: int) -> tuple[int, int]:
        """Write the gate before it opens; when it opens and closes. Raises KernelError when it was too late for that.

        Code that is seldom executed is in no cache: writing takes 60 us the first time, longer than the lead, so that a
        tenth of a short gate was missed; and 7 us when it has just been done.
        """
        self._set_gate(key, _NEVER, _NEVER)
        for lead_ns in _LEADS_NS:
            begin = clock.monotonic_ns() + lead_ns
            gate = _gate(begin, begin + gate_ns)
            if clock.monotonic_ns() < begin - lead_ns // 2:  # nobody has kept this thread from going on
                break
        syscall.map_update(self._fds["gates"], key, gate)
        late_ns = clock.monotonic_ns() - begin
        if late_ns > gate_ns // _LATE:
            raise KernelError(
                f"a time slice was {late_ns / 1e3:.0f} us late and is not counted: this machine is very busy; run "
                "otelchan with CAP_SYS_NICE, so that it goes first"
            )
        return begin, begin + gate_ns

    def _wait(self, seconds: float) -> None:
        if self._cancelled.wait(max(seconds, 0)):
            raise KernelError("the time slice was cancelled")

    def _set_gate(self, key: bytes, begin: int, end: int) -> None:
        syscall.map_update(self._fds["gates"], key, _gate(begin, end))

    def _drain(self, target: int) -> dict[int, tuple[int, int, int]]:
        """What was counted, which is forgotten; the marks too."""
        self._take_all("marks")
        keys, values = self._take_all("sampled")
        mine = keys["target"] == target
        rows = zip(*(values[name][mine].tolist() for name in ("sent", "received", "received_closed")), strict=True)
        return dict(zip(keys["id"][mine].tolist(), rows, strict=True))

    def _take_all(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        key, value = MAPS[name]
        keys, values = syscall.map_items(self._fds[name], key.itemsize, value.itemsize, _CHUNK, take=True)
        return np.frombuffer(keys, key), np.frombuffer(values, value)
