"""The probe catalogue: one row per kind of site. Adding a probe starts here.

Costs are what a hit adds to the observed program, in nanoseconds, trap included, as measured by
`make bench` on the reference machine (a virtual machine; docs/overhead.md has the figures and the method), which also
says when one of them is too low.
They are estimates: the overhead made of them is named an estimate.

What a hit's own part of the program takes without a probe is what an expectation of hits is made from (estimate.py).
It was sampled on programs that do nothing but one operation (lowest), and on some that do a few a millisecond and
sleep, with cold caches (highest); Go 1.26 and 1.27, docs/overhead.md. Where a site's own part is a handful of
instructions, as of an attempt that would block, the highest is ten times what a hot loop takes.
"""

from __future__ import annotations

from typing import NamedTuple

from otelchan.gobinary.types import SiteKind
from otelchan.plan.types import Extra, Part, Plane


class Bare(NamedTuple):
    """Processor time, in nanoseconds, that a program without probes spends in a site's extent, and in what that calls,
    each time that it comes there."""

    lowest: float
    likely: float
    highest: float


class Probe(NamedTuple):
    """number: the kind in the cookie, enum oc_kind in bpf/otelchan.h. functions: each must have the site. tells: what
    a hit means. gives: what for, as a short sentence. bare: see there.
    """

    kind: SiteKind
    number: int
    plane: Plane
    functions: tuple[str, ...]
    cost_ns: int
    tells: str
    gives: str
    bare: Bare


PROBES = (
    Probe(
        SiteKind.PARK,
        1,
        Plane.WAITS,
        ("runtime.chansend", "runtime.chanrecv", "runtime.selectgo"),
        1300,
        "a goroutine parks on a channel",
        "since when a goroutine has waited, and on which channel",
        Bare(8, 25, 400),
    ),
    Probe(
        SiteKind.WAKE,
        2,
        Plane.WAITS,
        ("runtime.send", "runtime.recv", "runtime.closechan"),
        1750,
        "a channel operation readies a sleeper",
        "how long it waited, who woke it, and the count of what was handed over",
        Bare(30, 65, 500),
    ),
    Probe(
        SiteKind.SEND,
        3,
        Plane.OPERATIONS,
        ("runtime.chansend",),
        1200,
        "a send goes into the buffer",
        "the count of sends that did not have to wait",
        Bare(6, 10, 60),
    ),
    Probe(
        SiteKind.RECV,
        4,
        Plane.OPERATIONS,
        ("runtime.chanrecv",),
        1250,
        "a receive takes from the buffer",
        "the count of receives that did not have to wait",
        Bare(6, 10, 60),
    ),
    Probe(
        SiteKind.RECV_CLOSED,
        5,
        Plane.OPERATIONS,
        ("runtime.chanrecv",),
        1350,
        "a receive finds the channel closed and empty",
        "the count of receives from closed channels",
        Bare(5, 8, 60),
    ),
    Probe(
        SiteKind.SELECT,
        6,
        Plane.OPERATIONS,
        ("runtime.selectgo",),
        1650,
        "a select has chosen",
        "which case of a select was taken",
        Bare(30, 60, 500),
    ),
    Probe(
        SiteKind.MAKE,
        7,
        Plane.MAKES,
        ("runtime.makechan",),
        2250,
        "a channel is made, and so named",
        "a channel's name, the line that made it",
        Bare(15, 40, 400),
    ),
    Probe(
        SiteKind.CLOSE,
        8,
        Plane.MAKES,
        ("runtime.closechan",),
        1600,
        "a channel is closed",
        "when a channel was closed, and what was left in it",
        Bare(10, 20, 300),
    ),
    Probe(
        SiteKind.PANIC,
        9,
        Plane.MAKES,
        ("runtime.chansend", "runtime.selectgo", "runtime.closechan"),
        3000,
        "a channel operation is about to panic",
        "what was done to a closed or nil channel, with the stack, before the program dies",
        Bare(500, 2000, 20000),
    ),
    Probe(
        SiteKind.WOULD_BLOCK,
        10,
        Plane.POLLS,
        ("runtime.chansend", "runtime.chanrecv"),
        1000,
        "a send or receive that does not block has nothing to do",
        "the count of attempts that would have blocked",
        Bare(0.2, 0.6, 10),
    ),
    Probe(
        SiteKind.SELECT_DEFAULT,
        11,
        Plane.POLLS,
        ("runtime.selectgo",),
        1600,
        "a select takes its default branch",
        "the count of attempts that would have blocked, for each case of the select",
        Bare(12, 17, 200),
    ),
)

PAIRED = {Plane.WAITS: Bare(25, 50, 400)}
"""Every park ends by one wake, and the two together vary less than either alone: so much is half of both."""

BY_KIND = {probe.kind: probe for probe in PROBES}

# In the order of attaching.
PLANE_ORDER = (Plane.MAKES, Plane.WAITS, Plane.OPERATIONS, Plane.POLLS)

GIVE_UP_ORDER: tuple[Part, ...] = (
    Plane.POLLS,
    Extra.STACKS,
    Plane.OPERATIONS,  # then they are counted in slices
    Plane.WAITS,  # so are these
    Plane.MAKES,
    Extra.SLICES,  # then the census alone
)
"""In which the budget gives up what it cannot pay."""
