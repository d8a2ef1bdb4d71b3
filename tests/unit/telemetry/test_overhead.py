"""What probes cost a program, and what the budget makes of that, as metric points of that program."""

from __future__ import annotations

from otelchan.model.types import Overhead, Snapshot
from otelchan.telemetry.catalogue import METRICS
from otelchan.telemetry.overhead import PLANE_STATES, overhead_points
from otelchan.telemetry.signals import prometheus_series
from tests.support.snapshots import ATTACHED, snapshot

STATES = {"makes": "on", "waits": "on", "operations": "sliced", "polls": "over budget"}


def looked(overhead: Overhead | None) -> Snapshot:
    """A program with a plane of each kind."""
    return snapshot(planes=STATES, overhead=overhead)


def states(of: Snapshot) -> dict[str, str]:
    """State by plane, of points that all are 1."""
    found = {}
    for point in overhead_points(of):
        if point.name == "otelchan.target.plane.state":
            assert point.value == 1
            attributes = dict(point.attributes)
            found[str(attributes["otelchan.plane"])] = str(attributes["otelchan.plane.state"])
    return found


def numbers(of: Snapshot) -> dict[str, tuple[object, int]]:
    """Value and start by name, of the other points."""
    return {point.name: (point.value, point.start_unix_ns) for point in overhead_points(of) if not point.attributes}


def test_every_group_of_probes_has_the_state_that_it_is_in() -> None:
    """In one word, and whether it is on trial."""
    found = states(looked(Overhead(0.01, 0.03, trials=("waits",))))

    assert found == {"makes": "on", "waits": "trial", "operations": "sliced", "polls": "over_budget"}
    assert set(found.values()) <= set(PLANE_STATES)


def test_what_is_paid_and_what_is_allowed_are_parts_of_a_core() -> None:
    """Slices are counted since the program is watched."""
    found = numbers(looked(Overhead(0.012, 0.03, slices=7, gate_ns=35_000_000, slice_ns=90_000_000)))

    assert found == {
        "otelchan.target.overhead.measured": (0.012, 0),
        "otelchan.target.overhead.allowed": (0.03, 0),
        "otelchan.target.slice": (7, ATTACHED),
        "otelchan.target.slice.time": (0.035, ATTACHED),
    }


def test_without_a_budget_none_is_told() -> None:
    """A zero would be a budget of nothing."""
    assert "otelchan.target.overhead.allowed" not in numbers(looked(Overhead(0.5, None)))


def test_what_is_not_known_has_no_series() -> None:
    """As in a recording of an earlier version; states are known there too."""
    assert {} == numbers(looked(None))
    assert "over_budget" == states(looked(None))["polls"]


def test_prometheus_has_names_that_alerts_and_dashboards_ask_for() -> None:
    """A share of a core is a ratio there."""
    found = {name: prometheus_series(METRICS[name]) for name in numbers(looked(Overhead(0.0, 0.03)))}

    assert found["otelchan.target.overhead.measured"] == ("otelchan_target_overhead_measured_ratio",)
    assert found["otelchan.target.slice.time"] == ("otelchan_target_slice_time_seconds_total",)
