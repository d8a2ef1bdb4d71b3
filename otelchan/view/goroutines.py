"""Goroutines of a census in the order of the program's own list, a part at a time: a million objects are too many."""

from __future__ import annotations

from collections.abc import Iterator

from otelchan.memory.types import Census, Goroutine, Goroutines

_PART = 4096
_NO_GOROUTINE = ("idle", "dead")


def alive(census: Census) -> Iterator[Goroutine]:
    """Every goroutine that has begun and not ended, the runtime's own included."""
    goroutines = Goroutines.of(census.goroutines)
    for start in range(0, len(goroutines), _PART):
        part = goroutines.apart()[start : start + _PART]
        yield from (goroutine for goroutine in part if goroutine.status not in _NO_GOROUTINE)


def of_program(census: Census) -> Iterator[Goroutine]:
    """Those that runtime.NumGoroutine counts and a program's own dump shows: without the runtime's own."""
    return (goroutine for goroutine in alive(census) if not goroutine.system)
