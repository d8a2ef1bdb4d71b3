"""All goroutines of a program in groups: thousands of them are at a handful of places."""

from __future__ import annotations

from dataclasses import dataclass

from otelchan.gobinary.types import Frame
from otelchan.model.blocked import Age

MOST_IDS = 10


@dataclass(frozen=True, slots=True)
class GoroutineGroup:
    """Goroutines of one status and wait reason, at one stack, started at one place; the runtime's own are left out.

    status: as in memory's Goroutine. wait_reason: "" when not parked. frames: innermost first, the runtime's left out;
    empty when not parked. depth: frames in the whole stack, as the deepest of them has. count: goroutines. oldest: of
    their waits; None when not parked. ids: of up to MOST_IDS of them, the oldest first. newest_id: the highest.
    """

    status: str
    wait_reason: str
    frames: tuple[Frame, ...]
    depth: int
    created_by: Frame | None
    count: int
    oldest: Age | None
    ids: tuple[int, ...]
    newest_id: int
