"""What the probes in a program cost, and what the budget makes of them: rows of the catalogue, and their points."""

from __future__ import annotations

from collections.abc import Iterator

from otelchan.model.types import Snapshot
from otelchan.telemetry.points import Point
from otelchan.telemetry.signals import Kind, Metric

PLANE_STATES = ("on", "trial", "sliced", "over_budget", "off", "not_wanted", "not_found", "not_effective")
"""Of a group of probes in one program. trial: it is on, and was just attached. sliced: given up because of the budget,
and attached for some milliseconds now and then. What comes after that is not attached at all."""

OVERHEAD_METRICS = (
    Metric(
        "otelchan.target.overhead.measured",
        Kind.GAUGE,
        "1",
        (),
        "Time that probes take from this program, as a share of one core in the last second: hits times their cost.",
    ),
    Metric(
        "otelchan.target.overhead.allowed",
        Kind.GAUGE,
        "1",
        (),
        "The budget for it; no series when there is none.",
    ),
    Metric(
        "otelchan.target.plane.state",
        Kind.GAUGE,
        "{plane}",
        ("otelchan.plane", "otelchan.plane.state"),
        "1 for the state that each group of probes is in. Where none is `on`, `trial` or `sliced` there is the census "
        "alone, which costs the program nothing.",
    ),
    Metric(
        "otelchan.target.slice",
        Kind.COUNTER,
        "{slice}",
        (),
        "Time slices taken: probes were attached for some milliseconds, and counted.",
    ),
    Metric("otelchan.target.slice.time", Kind.COUNTER, "s", (), "Time in which slices counted."),
)


def overhead_points(snapshot: Snapshot) -> Iterator[Point]:
    """Nothing of what is not known, as in a recording of an earlier version."""
    overhead = snapshot.overhead
    trials = overhead.trials if overhead else ()
    for plane, state in snapshot.planes.items():
        said = "trial" if plane in trials else state.replace(" ", "_")
        yield Point("otelchan.target.plane.state", (("otelchan.plane", plane), ("otelchan.plane.state", said)), 1)
    if overhead is None:
        return
    yield Point("otelchan.target.overhead.measured", (), overhead.share)
    if overhead.allowed is not None:
        yield Point("otelchan.target.overhead.allowed", (), overhead.allowed)
    yield Point("otelchan.target.slice", (), overhead.slices, snapshot.attached_unix_ns)
    yield Point("otelchan.target.slice.time", (), overhead.gate_ns / 1e9, snapshot.attached_unix_ns)
