"""Taking one time slice of a program, for tests that say themselves what happens within it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from otelchan.gobinary.types import GoImage
from otelchan.kernel import syscall
from otelchan.kernel.session import Session
from otelchan.kernel.slices import Slice, Slicer, slice_sites
from otelchan.kernel.target import target_entry
from otelchan.kernel.types import GATE, SliceCounts
from otelchan.plan.planner import make_plan
from tests.support import eventually
from tests.support.everyop import Truth, site_of

TRAP = b"\xcc"
_FIELDS = ("send_ok", "recv_ok", "recv_closed")


@contextmanager
def slicer_of(session: Session) -> Iterator[Slicer]:
    """A Slicer for the time of the block."""
    slicer = Slicer(session)
    try:
        yield slicer
    finally:
        slicer.close()


def slice_of(image: GoImage, pid: int, gate_ns: int, target: int = 3, begin_ns: int = 0) -> Slice:
    """All of a program's sites that slices have."""
    plan = make_plan(image, target, f"/proc/{pid}/exe")
    sites = slice_sites(plan)
    offsets, cookies = [site.file_offset for site in sites], [site.cookie for site in sites]
    return Slice(target, pid, plan.path, offsets, cookies, gate_ns, begin_ns)


def introduce(session: Session, image: GoImage, target: int = 3) -> None:
    """Tell the kernel side about the program, as attaching a plane does, and attach nothing."""
    session.write_target(target, target_entry(image, 0))


def opened(session: Session, target: int, since: int) -> bool:
    """Whether the gate of a slice that was started after `since` (monotonic nanoseconds) is open, or has been."""
    raw = syscall.map_lookup(session.slicing()[1]["gates"], target.to_bytes(4, "little"), GATE.itemsize)
    return since <= int(np.frombuffer(raw or b"", GATE)[0]["begin"]) <= time.monotonic_ns()


def begin(session: Session, slicer: Slicer, wanted: Slice) -> None:
    """Start a slice; returns when its gate is open."""
    since = time.monotonic_ns()
    assert slicer.start(wanted)
    eventually(lambda: opened(session, wanted.target, since), every=0.001)


def end(slicer: Slicer) -> SliceCounts:
    """What the slice that is under way saw."""
    results = []

    def over() -> bool:
        if taken := slicer.taken():
            results.append(taken.result)
        return bool(results)

    eventually(over, every=0.002)
    assert isinstance(results[0], SliceCounts), results[0]
    return results[0]


def by_site(image: GoImage, counts: Mapping[int, tuple[int, int, int]]) -> Truth:
    """The counts of a slice as the program says its own; channels of the runtime are left out."""
    found: Truth = {}
    for key, row in counts.items():
        if site := site_of(image, key):
            found[site] = found.get(site, Counter()) + Counter(dict(zip(_FIELDS, row, strict=True)))
    return {site: +done for site, done in found.items() if +done}


def passed(truth: Truth) -> Truth:
    """Of what a program did, what slices count: operations that came to something."""
    found = {site: +Counter({field: done[field] for field in _FIELDS}) for site, done in truth.items()}
    return {site: done for site, done in found.items() if done}


def trapped(image: GoImage, pid: int) -> int:
    """How many of the sites hold a trap now, read from the program's memory."""
    sites = slice_sites(make_plan(image, 3, ""))
    with Path(f"/proc/{pid}/mem").open("rb") as memory:
        found = 0
        for site in sites:
            memory.seek(site.site.address)
            found += memory.read(1) == TRAP
        return found
