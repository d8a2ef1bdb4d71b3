"""How long it takes to put a plan's traps in, and to take them out again: what the program still pays while they go."""

from __future__ import annotations

from typing import NamedTuple

from otelchan.plan.types import AttachPlan

MULTI, PERF = "multi", "perf"
_MILLISECOND = 1_000_000


class Timing(NamedTuple):
    """Nanoseconds, for all planes of a plan. links: kernel objects that hold the traps."""

    links: int
    attach_ns: int
    detach_ns: int


class _Each(NamedTuple):
    attach_ms: float
    detach_ms: float


# docs/overhead.md, "Attaching and detaching": a uprobe_multi link holds a plane's sites and goes in one piece; a perf
# link holds one site, and they go one after the other.
_EACH = {MULTI: _Each(5, 60), PERF: _Each(1, 106)}


def timing(plan: AttachPlan, way: str) -> Timing:
    """What attaching and detaching every plane takes. way: "multi", a link per plane, or "perf", one per site."""
    links = len(plan.planes) if way == MULTI else sum(len(sites) for sites in plan.planes.values())
    each = _EACH[way]
    return Timing(links, int(links * each.attach_ms * _MILLISECOND), int(links * each.detach_ms * _MILLISECOND))
