"""channel.edge.waiters of a real program equals what the program counts itself."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from otelchan.findings.types import Assessment
from otelchan.model.types import Snapshot
from otelchan.telemetry.metrics import metric_points
from tests.support.driven import Driven, driven
from tests.support.gobuild import EVERY_GO
from tests.support.observed import Observed, observed

OLDEST, NEWEST = EVERY_GO[0], EVERY_GO[-1]
UNOPTIMISED = ("-gcflags=all=-N -l",)
Waiters = dict[tuple[str, str, str], int]


def own(answer: str) -> Waiters:
    """What the program says: goroutines by channel, operation and function."""
    return {
        (f"main.parkAll main.go:{row['line']}", row["operation"], row["function"]): row["goroutines"]
        for row in json.loads(answer)
    }


def exported(snapshot: Snapshot) -> Waiters:
    """What is exported of it."""
    found: Waiters = {}
    for point in metric_points(snapshot, Assessment()):
        if point.name == "channel.edge.waiters":
            said = {key: str(value) for key, value in point.attributes}
            key = said["channel.name"], said["channel.operation"], said["code.function.name"]
            assert isinstance(point.value, int)
            found[key] = point.value
    return found


def by_channel(snapshot: Snapshot) -> Counter[tuple[str, str]]:
    """channel.waiters, where there are any."""
    return Counter(
        {
            (channel.name, operation): waiters
            for channel in snapshot.channels
            for operation, waiters in channel.waiters.items()
            if waiters
        }
    )


def looked_at(seen: Observed) -> Snapshot:
    """One of which the memory was read after this call: now and then a look is left out, so as to cost little."""
    since_unix_ns = seen.now().time_unix_ns
    found = (seen.now() for _ in range(100))
    return next(snapshot for snapshot in found if snapshot.looked_unix_ns > since_unix_ns)


@pytest.mark.parametrize(("go", "flags"), [(OLDEST, ()), (NEWEST, ()), (NEWEST, UNOPTIMISED)])
def test_each_function_has_its_goroutines_on_each_channel(
    workload: Callable[..., Path], go: str, flags: tuple[str, ...]
) -> None:
    """To the unit: at several places, below other calls, in generic functions and methods, by reflection, in selects,
    also such as wait twice or both ways on a channel. Before anybody waits and after all were let go: no series."""
    seed = random.randrange(1 << 32)
    with driven(Driven, workload("awaited", go=go, flags=flags), 2) as program, observed(program.pid) as seen:
        seen.settled()
        before = exported(looked_at(seen))
        truth = own(program.ask(f"park {seed}"))
        parked = looked_at(seen)
        assert "released" == program.ask("release")
        after = exported(looked_at(seen))

    assert truth == exported(parked), f"seed {seed}"
    sums: Counter[tuple[str, str]] = Counter()
    for (channel, operation, _), waiters in truth.items():
        sums[channel, operation] += waiters
    assert by_channel(parked) == sums
    assert ({}, {}) == (before, after)
