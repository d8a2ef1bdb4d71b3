"""The probe catalogue: one row per kind of site. Adding a probe starts here.

Costs are what a hit adds to the observed program, in nanoseconds, trap included, as measured by
benchmarks/probe_cost.py on the reference machine (a virtual machine; docs/overhead.md has the figures and the method).
They are estimates: the overhead made of them is named an estimate.
"""

from __future__ import annotations

from typing import NamedTuple

from otelchan.gobinary.types import SiteKind
from otelchan.plan.types import Plane


class Probe(NamedTuple):
    """number: the kind in the cookie, enum oc_kind in bpf/otelchan.h. functions: each must have the site."""

    kind: SiteKind
    number: int
    plane: Plane
    functions: tuple[str, ...]
    cost_ns: int
    tells: str


PROBES = (
    Probe(
        SiteKind.PARK,
        1,
        Plane.WAITS,
        ("runtime.chansend", "runtime.chanrecv", "runtime.selectgo"),
        1100,
        "a goroutine parks on a channel",
    ),
    Probe(
        SiteKind.WAKE,
        2,
        Plane.WAITS,
        ("runtime.send", "runtime.recv", "runtime.closechan"),
        1750,
        "a channel operation readies a sleeper",
    ),
    Probe(SiteKind.SEND, 3, Plane.OPERATIONS, ("runtime.chansend",), 1000, "a send goes into the buffer"),
    Probe(SiteKind.RECV, 4, Plane.OPERATIONS, ("runtime.chanrecv",), 1000, "a receive takes from the buffer"),
    Probe(
        SiteKind.RECV_CLOSED,
        5,
        Plane.OPERATIONS,
        ("runtime.chanrecv",),
        1000,
        "a receive finds the channel closed and empty",
    ),
    Probe(SiteKind.SELECT, 6, Plane.OPERATIONS, ("runtime.selectgo",), 1250, "a select has chosen"),
    Probe(SiteKind.MAKE, 7, Plane.MAKES, ("runtime.makechan",), 1850, "a channel is made, and so named"),
    Probe(SiteKind.CLOSE, 8, Plane.MAKES, ("runtime.closechan",), 1300, "a channel is closed"),
)

BY_KIND = {probe.kind: probe for probe in PROBES}

# In the order of attaching; given up in the opposite order.
PLANE_ORDER = (Plane.MAKES, Plane.WAITS, Plane.OPERATIONS)
