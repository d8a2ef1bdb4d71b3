"""`otelchan top`: how many elements a second, counted or estimated. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from otelchan.model.types import NO_NAME, ChannelView, Counter, Estimate, Snapshot
from otelchan.view.words import SECOND


class About(NamedTuple):
    """Elements a second that are estimated, not counted. low, high: the truth is between them 19 times out of 20."""

    likely: float
    low: float
    high: float


def channels_of(snapshot: Snapshot) -> tuple[ChannelView, ...]:
    """One for each name. Of channels without a name there may be nothing but estimates: none was ever counted."""
    views = snapshot.channels
    if all(each.channel != NO_NAME for each in snapshot.estimates) or any(view.name == NO_NAME for view in views):
        return views
    return (*views, ChannelView(NO_NAME, "use", "user", "", channels=0, closed=0, length=0, capacity=0, lag=0))


def rate(now: Counter | None, before: Counter | None, times: tuple[int, int]) -> float | None:
    """Per second since the look before, or since it is counted. times: of this look and of the one before, Unix."""
    if now is None:
        return None
    same = before is not None and before.start_unix_ns == now.start_unix_ns
    counted = now.value - before.value if before is not None and same else now.value
    passed_ns = times[0] - (times[1] if same else now.start_unix_ns)
    return counted * SECOND / passed_ns if passed_ns > 0 else None


def about(
    now: Iterable[Estimate], before: Iterable[Estimate], channel: str, operation: str, times: tuple[int, int]
) -> About | None:
    """The same of an estimate, of operations that went well. now, before: all estimates of a look."""
    here, there = (_of(estimates, channel, operation) for estimates in (now, before))
    if here is None:
        return None
    parts = [
        rate(Counter(value, here.start_unix_ns), there and Counter(earlier, there.start_unix_ns), times)
        for value, earlier in zip(_values(here), _values(there or here), strict=True)
    ]
    likely, low, high = (0.0 if part is None else part for part in parts)
    if None in parts:
        return None
    return About(likely, min(low, likely), max(high, likely))  # totals are whole numbers: one may step before another


def _of(estimates: Iterable[Estimate], channel: str, operation: str) -> Estimate | None:
    wanted = channel, operation, "ok"
    return next((each for each in estimates if (each.channel, each.operation, each.status) == wanted), None)


def _values(estimate: Estimate) -> tuple[int, int, int]:
    return estimate.value, estimate.lower, estimate.upper
