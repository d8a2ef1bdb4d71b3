"""What a hit costs on this machine, measured on a program of our own: real traps and the real kernel side, made-up
goroutines and channels. Takes a fifth of a second, and a tenth of a second of processor time, however many processors
there are.

In a loop everything is in the caches, so an observed program pays somewhat more; plan/costs.py adds that.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from otelchan.errors import KernelError
from otelchan.kernel.calibration_code import REGISTERS, Loop, Program, program
from otelchan.kernel.entry import TARGET
from otelchan.kernel.links import Attach
from otelchan.kernel.session import Session

ROUNDS = 5
TIMES = 400
"""How often a loop goes around, in each round and thread, where there are one or two."""
_ALL_TIMES, _LEAST_TIMES = 800, 25
"""On all threads together, and on each at least."""
_BARE_TIMES = 20_000
_MOST_THREADS = 64
_MOST_LOST = 0.05
"""Share of hits that may have been cut short, which costs less than a hit that finds what it looks for."""
_PATIENCE_S = 10.0
_CHILD = Path(__file__).with_name("calibration_child.py")
_NEVER = (1 << 64) - 1  # no block is long enough for a span
LAYOUT = {
    **{"g_goid": 0, "g_param": 8, "g_parent": 16, "hchan_qcount": 0, "hchan_closed": 8, "hchan_lock": 64},
    **{"waits_epoch": 1, "operations_epoch": 1, "span_threshold_ns": _NEVER},
}
"""Of the child's goroutines and channels, as the kernel side is told."""


def calibrate(session: Session, target_id: int) -> dict[int, float]:
    """Nanoseconds of processor time for a hit, by kind of site (enum oc_kind), as the median of some rounds.

    On as many threads at once as this process may use processors (64 at most): a hit costs more when others hit too.
    The target id must be free, and is free again after it, and there must be room for as many parks. With a perf
    event per site (Attach.PERF), taking a probe off takes a tenth of a second, so only sends are measured. A panic
    is not measured.

    Raises KernelError when it cannot be measured here: no amd64, no memory that can be executed, nothing hit.
    """
    if os.uname().machine != "x86_64":
        raise KernelError(f"costs cannot be measured on {os.uname().machine}; those of the reference machine are used")
    made = program()
    loops = made.loops if session.way is Attach.MULTI else made.loops[1:2]
    entry = np.zeros((), TARGET)
    for field, value in LAYOUT.items():
        entry[field] = value
    session.write_target(target_id, entry)
    try:
        with _child(made) as child:
            return _measure(session, target_id, child, loops)
    except (OSError, ValueError) as error:
        raise KernelError(
            f"costs of probes cannot be measured here ({error}); those of the reference machine are used"
        ) from error
    finally:
        session.clear_target(target_id)


class _Child:
    """The program, running. code: a path to it."""

    def __init__(self, process: subprocess.Popen[str], descriptor: int, threads: int) -> None:
        self.pid = process.pid
        self.code = f"/proc/self/fd/{descriptor}"
        self.threads = threads
        self.times = max(min(TIMES, _ALL_TIMES // threads), _LEAST_TIMES)
        self._process = process

    def time_ns(self, loop: Loop, times: int) -> float:
        """Processor time of going around once, in nanoseconds. Raises OSError, ValueError when it does not answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{loop.offset} {times}\n")
        self._process.stdin.flush()
        return int(self.answer()) / (times * self.threads)

    def answer(self) -> str:
        """Its next line. Raises TimeoutError."""
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(_PATIENCE_S):
                raise TimeoutError(f"no answer for {_PATIENCE_S:g} s")
        return self._process.stdout.readline().strip()


@contextlib.contextmanager
def _child(made: Program) -> Iterator[_Child]:
    descriptor = os.memfd_create("otelchan-calibration", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, made.code)
        threads = min(len(os.sched_getaffinity(0)), _MOST_THREADS)
        command = [sys.executable, "-I", "-S", str(_CHILD), str(descriptor), str(len(made.code)), str(threads)]
        with subprocess.Popen(
            [*command, *REGISTERS],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            pass_fds=[descriptor],
        ) as process:
            try:
                child = _Child(process, descriptor, threads)
                if child.answer() != "ready":
                    raise ValueError("the program that is to be measured did not start")
                yield child
            finally:
                process.kill()
    finally:
        os.close(descriptor)


def _measure(session: Session, target_id: int, child: _Child, loops: Sequence[Loop]) -> dict[int, float]:
    bare = {loop: child.time_ns(loop, _BARE_TIMES) for loop in loops}
    places = [place for loop in loops for place in loop.places]
    cookies = [target_id | place.rest for place in places]
    link = session.attach(child.code, [place.offset for place in places], cookies, child.pid)
    try:
        spent = {loop: [child.time_ns(loop, child.times) for _ in range(ROUNDS)] for loop in loops}
    finally:
        session.detach(link)
    _check_hits(session, target_id, ROUNDS * child.times * child.threads, loops)
    costs = {}
    for loop in loops:
        cost = (float(np.median(spent[loop])) - bare[loop]) / len(loop.places)
        costs.update(dict.fromkeys([place.kind for place in loop.places], cost))
    return costs


def _check_hits(session: Session, target_id: int, expected: int, loops: Sequence[Loop]) -> None:
    """Raises ValueError when it was something else that took the time."""
    tally = session.tally(target_id)
    hits: Mapping[int, int] = dict(enumerate(tally["hits"].tolist()))
    lost = int(tally["lost"].sum())
    if lost > _MOST_LOST * expected:
        raise ValueError(f"{lost} hits did not find what they looked for")
    for loop in loops:
        for place in loop.places:
            if hits[place.kind] != expected:
                raise ValueError(f"{hits[place.kind]} hits of kind {place.kind} instead of {expected}")
