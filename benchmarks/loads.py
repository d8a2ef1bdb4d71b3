"""What the load program does in one batch, and which probes each operation passes: once, or not at all. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from otelchan.kernel.types import Kind

SEND, RECEIVE, CALL_SELECT, CALL_CLOSE, CALL_SPAWN = "send", "recv", "select", "close", "spawn"
RECIPE_FUNCTIONS = {"runtime.chansend1": SEND, "runtime.chanrecv1": RECEIVE, "runtime.chanrecv2": RECEIVE}
NAIVE_FUNCTIONS = {
    "runtime.chansend": SEND,
    "runtime.chanrecv": RECEIVE,
    "runtime.selectgo": CALL_SELECT,
    "runtime.closechan": CALL_CLOSE,
    "runtime.newproc": CALL_SPAWN,
}


@dataclass(frozen=True)
class Load:
    """command: what the load program is told. processors: its GOMAXPROCS. unit: of one operation, in words.

    kinds: sites of ours that each operation passes once. calls: what each calls once, by what RECIPE_FUNCTIONS and
    NAIVE_FUNCTIONS call it. entered: as calls, but through functions that only the latter have. counts: what is counted
    for each with every plane on, by struct oc_counts.
    """

    name: str
    command: str
    unit: str
    kinds: frozenset[Kind] = frozenset()
    calls: frozenset[str] = frozenset()
    entered: frozenset[str] = frozenset()
    counts: Mapping[str, int] = field(default_factory=dict)
    processors: int = 1

    @property
    def seen_by_recipes(self) -> bool:
        """Whether RECIPE_FUNCTIONS are all that it calls."""
        return not self.entered


BUFFERED = Load(
    "buffered",
    "buffered",
    "send and receive through a buffer, never blocking",
    frozenset({Kind.SEND, Kind.RECV}),
    frozenset({SEND, RECEIVE}),
    counts={"send_ok": 1, "recv_ok": 1},
)
HANDOFF = Load(
    "handoff",
    "handoff",
    "blocking handoff from goroutine to goroutine",
    frozenset({Kind.PARK, Kind.WAKE}),
    frozenset({SEND, RECEIVE}),
    counts={"send_ok": 1, "recv_ok": 1},
)
HANDOFF_2 = Load(
    "handoff, 2 threads",
    HANDOFF.command,
    "the same with GOMAXPROCS=2",
    HANDOFF.kinds,
    HANDOFF.calls,
    counts=HANDOFF.counts,
    processors=2,
)
# The element that a select takes is sent again outside the time that is measured.
SELECT = Load(
    "select",
    "select",
    "select with two ready cases",
    frozenset({Kind.SELECT, Kind.SEND}),
    frozenset({SEND}),
    frozenset({CALL_SELECT}),
    counts={"send_ok": 1, "recv_ok": 1},
)
DEFAULT = Load(
    "select, default",
    "default",
    "the same with a default branch, not taken",
    SELECT.kinds,
    SELECT.calls,
    SELECT.entered,
    SELECT.counts,
)
TRY = Load(
    "non-blocking",
    "try",
    "send in a select with a default branch, which would block and is not done",
    frozenset({Kind.WOULD_BLOCK}),
    entered=frozenset({SEND}),
    counts={"send_would_block": 1},
)
CLOSE = Load(
    "close",
    "close",
    "make and close",
    frozenset({Kind.MAKE, Kind.CLOSE}),
    entered=frozenset({CALL_CLOSE}),
    counts={"made": 1, "closes": 1},
)
SPAWN = Load("spawn", "spawn", "a goroutine started, which ends at once", entered=frozenset({CALL_SPAWN}))
COMPUTE = Load("compute", "compute", "a step of arithmetic: nothing that is probed")
LOADS = (BUFFERED, HANDOFF, HANDOFF_2, SELECT, DEFAULT, TRY, CLOSE, SPAWN, COMPUTE)

# For the cost of a hit of each kind, beside those above.
MAKE = Load("make", "make", "make", frozenset({Kind.MAKE}), counts={"made": 1})
CLOSED = Load(
    "closed",
    "closed",
    "receive from a closed channel",
    frozenset({Kind.RECV_CLOSED}),
    frozenset({RECEIVE}),
    counts={"recv_closed": 1},
)
NONE = Load(
    "select, none",
    "none",
    "select with two cases that takes its default branch",
    frozenset({Kind.SELECT, Kind.SELECT_DEFAULT}),
    entered=frozenset({CALL_SELECT}),
    counts={"send_would_block": 1, "recv_would_block": 1},
)
AGAIN = Load(
    "close again",
    "again",
    "close of a closed channel, with the recovery",
    frozenset({Kind.CLOSE, Kind.PANIC}),
    entered=frozenset({CALL_CLOSE}),
)
KIND_LOADS: dict[Kind, Load] = {
    Kind.PARK: HANDOFF,
    Kind.WAKE: HANDOFF,
    Kind.SEND: BUFFERED,
    Kind.RECV: BUFFERED,
    Kind.RECV_CLOSED: CLOSED,
    Kind.SELECT: SELECT,
    Kind.MAKE: MAKE,
    Kind.CLOSE: CLOSE,
    Kind.PANIC: AGAIN,
    Kind.WOULD_BLOCK: TRY,
    Kind.SELECT_DEFAULT: NONE,
}
