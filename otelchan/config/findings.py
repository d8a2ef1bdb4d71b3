"""Thresholds of findings: every one of them is here, and nowhere else."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from otelchan.config.describe import count, doc, time


class Findings(Struct, frozen=True, forbid_unknown_fields=True):
    """Thresholds of findings, by the id of the finding (docs/findings.md)."""

    # F1 leaked goroutines

    leak_suspect_s: Annotated[float, time("A goroutine parked on a channel longer than this is a suspect.", 1)] = 5.0
    leak_long_s: Annotated[float, time("A goroutine parked longer than this is long-lived.", 1)] = 30.0
    leak_window_s: Annotated[float, time("How far back suspects are looked at for growth and turnover.", 10)] = 60.0
    leak_long_window_s: Annotated[float, time("The same for long-lived ones: finds slow leaks.", 10)] = 600.0
    leak_growth: Annotated[
        int,
        count(
            "Goroutines that must have joined a group for good before it counts as growing.",
            "goroutines",
            1,
            1_000_000,
        ),
    ] = 3
    leak_stuck: Annotated[
        int,
        count(
            "So many long-lived senders in a group, none of which ever got on, are stuck.", "goroutines", 2, 1_000_000
        ),
    ] = 10
    # F2 goroutine surge
    surge_percent: Annotated[
        float,
        doc(
            "So many percent more goroutines within `surge_window_s` are a surge; 300: four times as many.",
            "10 to 100000",
            ge=10,
            le=100_000,
            unit="percent",
            reload=True,
        ),
    ] = 300.0
    surge_window_s: Annotated[float, time("How far back the number of goroutines is compared for a surge.", 1)] = 10.0
    surge_least: Annotated[int, count("With no more goroutines it is no surge.", "goroutines", 1, 10_000_000)] = 5000
    # F4 to F7: closing; what happened once is a finding for a while
    read_after_close_per_second: Annotated[
        float,
        doc(
            "Receives from closed channels of one name that are a finding, in two looks in a row.",
            "1 to 1000000",
            ge=1,
            le=1_000_000,
            unit="receives per second",
            reload=True,
        ),
    ] = 50.0
    residue_s: Annotated[
        float, time("Elements in a closed channel that nobody has received for so long are left over.", 1)
    ] = 8.0
    close_order_s: Annotated[
        float, time("A channel that feeds a closed one is still in use so long after the close: a fault.", 1)
    ] = 2.0
    event_hold_s: Annotated[
        float, time("For how long a fault of a moment, such as a double close, stays a finding.", 1)
    ] = 300.0
    # F8 never closed, F9 nil channel, F14 deadlock, F15 deep stack: who waits for less is not looked at; F12: stalled
    wait_s: Annotated[
        float,
        time(
            "A wait that nobody can end, or below a deep stack, is a finding after this time; a channel whose elements "
            "have not moved for so long is stalled.",
            1,
        ),
    ] = 10.0
    # F10 saturation
    saturation_percent: Annotated[
        float,
        doc("A buffer that is at least so full counts as full.", "1 to 100", ge=1, le=100, unit="percent", reload=True),
    ] = 90.0
    saturation_s: Annotated[float, time("A channel that is full for so long at a time is saturated.", 1)] = 10.0
    # F12 dangling channels
    dangling_s: Annotated[
        float, time("A channel that was made longer ago and neither used nor closed is dangling.", 1)
    ] = 30.0
    dangling_growth: Annotated[
        int, count("So many more of them of one name, one after the other, are a finding.", "channels", 1, 1_000_000)
    ] = 10
    # F15 deep stacks
    deep_frames: Annotated[int, count("Blocked with more frames than this is deep.", "frames", 1, 1_000_000)] = 50
    # F16 locks
    lock_s: Annotated[float, time("A goroutine that waits longer than this for a lock is a finding.", 1)] = 30.0
