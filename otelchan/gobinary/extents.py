"""Which instructions prove that a probe site was, or will be, passed: what a sample of the program counter means.

An instruction belongs to a site when every way from it to a return passes the site, or every way to it from the entry
has passed the site. Ways into a panic or throw are not ways to a return. So the first look of a polled channel, which
returns before there is anything to probe, belongs to no site, although it is in the same function.
"""

from __future__ import annotations

from collections.abc import Collection

from otelchan.gobinary.code import Routine


def extent(routine: Routine, site: int) -> tuple[tuple[int, int], ...]:
    """The address ranges [start, end) of the instructions that are executed only together with that one."""
    reached = routine.reachable()
    before = routine.leading_to([site]) - routine.leading_to(routine.returns, without=[site])
    after = reached - routine.reachable(without=[site])
    return _ranges(routine, (before & reached) | after)


def _ranges(routine: Routine, indexes: Collection[int]) -> tuple[tuple[int, int], ...]:
    ranges: list[tuple[int, int]] = []
    for index in sorted(indexes):
        start, end = routine[index].address, routine[index].end
        if ranges and ranges[-1][1] == start:
            start = ranges.pop()[0]
        ranges.append((start, end))
    return tuple(ranges)
