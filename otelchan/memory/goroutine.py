"""One goroutine, as an object, and what the numbers in columns of goroutines stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from otelchan.memory.rows import Mask


class Wait(NamedTuple):
    """One channel a goroutine is parked on: live address of the hchan (0: nil channel), "send" or "recv"."""

    channel: int
    operation: str


class Goroutine(NamedTuple):
    """One goroutine. Stacks and creation sites are link-time addresses, so that the image can name them.

    address: live address of its g struct.
    status: "idle", "runnable", "running", "syscall", "waiting", "dead", "copystack", "preempted", "leaked".
    wait_reason: as the runtime prints it, for status "waiting" and "leaked"; else "".
    waits: what it is parked on; several for a select; empty when not parked on channels.
    stack: return addresses, innermost first, only for parked goroutines; at most the 4,097 innermost.
    stack_complete: the walk ended in runtime.goexit.
    wait_since_ns: stamped by the garbage collector, 0 when no collection has seen the wait; not since when: stamps.py.
    system: started by the runtime itself (what runtime.NumGoroutine leaves out).
    park: (bytes of stack in use, pc, trackingSeq, first sudog), opaque: equal in two censuses while the goroutine is in
        the same park, also when its stack was moved in between.
    depth: return addresses in the whole stack, also when `stack` has only the innermost of them; a lower bound when the
        stack is not complete, 0 when not parked. Calls that the compiler inlined are not among them.
    """

    address: int
    id: int
    status: str
    wait_reason: str = ""
    waits: tuple[Wait, ...] = ()
    select: bool = False
    stack: tuple[int, ...] = ()
    stack_complete: bool = False
    wait_since_ns: int = 0
    parent_id: int = 0
    created_at: int = 0
    started_at: int = 0
    system: bool = False
    park: tuple[int, ...] = ()
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Texts:
    """What numbers in a table stand for: names of statuses by number, wait reasons by number (at "" for 0), and which
    reasons are selects. bias: what is taken off live addresses of code."""

    statuses: Mapping[int, str]
    reasons: Mapping[int, str]
    select: Mask
    bias: int = 0
