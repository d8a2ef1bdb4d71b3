"""F11: the place that a breach is told with, and readings that do not come on the second."""

from __future__ import annotations

from dataclasses import replace

import pytest

from otelchan.config import Findings, Objective
from otelchan.findings.objective import ObjectiveFinder
from otelchan.findings.objective_track import MS, Key, Reading
from otelchan.findings.objective_window import bucket_of
from otelchan.gobinary.types import Frame
from otelchan.model.types import Snapshot
from tests.support.snapshots import NOW, SECOND, WORKER, block_span, blocked, channel, snapshot

KEY = Key("main.work main.go:41", "send")
RULE = Objective(channel="*")
OTHER = Frame("main.other", "/src/shop/main.go", 99)
STEP_NS = SECOND // 10
QUICK_MS, SLOW_MS = 5, 1000


def run(finder: ObjectiveFinder, begin_ns: int, seconds: int, block_ms: int) -> int:
    """Twenty blocks in each step; when the next step is."""
    for time_ns in range(begin_ns, begin_ns + seconds * SECOND, STEP_NS):
        finder.step(time_ns, [Reading(KEY, "make", RULE, [(bucket_of(block_ms * MS), 20)])])
    return begin_ns + seconds * SECOND


def places(finder: ObjectiveFinder, frame: Frame) -> list[Frame | None]:
    """Of what is found in a round in which the longest span was there."""
    return [found.site for found in finder.find(slow_at(frame), ())]


def slow_at(frame: Frame) -> Snapshot:
    """Somebody waits at the usual place, too."""
    spans = (block_span(channel=KEY.channel, frames=(frame,)),)
    return snapshot([channel()], spans=spans, blocked=(blocked(7, 1.0),))


def test_a_breach_keeps_its_place_and_the_next_one_has_its_own() -> None:
    """Else each round in which another line was slowest would end one finding and start another."""
    finder = ObjectiveFinder(Findings())
    now = run(finder, 1000 * SECOND, 65, SLOW_MS)
    assert [[WORKER], [WORKER]] == [places(finder, frame) for frame in (WORKER, OTHER)]
    now = run(finder, now, 400, QUICK_MS)
    assert [] == places(finder, OTHER)
    run(finder, now, 65, SLOW_MS)
    assert [OTHER] == places(finder, OTHER)


def test_what_goes_on_is_not_what_was_slow() -> None:
    """A worker that idles waits longer than all that have ended, elsewhere; the objective is about these."""
    finder = ObjectiveFinder(Findings())
    run(finder, 1000 * SECOND, 65, SLOW_MS)
    seen = slow_at(OTHER)
    idle = block_span(channel=KEY.channel, frames=(WORKER,), start_unix_ns=NOW - 1000 * SECOND, ongoing=True)
    assert [OTHER] == [found.site for found in finder.find(replace(seen, spans=(*seen.spans, idle)), ())]


@pytest.mark.parametrize("late_ms", [0, 1, 350, 950])
def test_what_is_slow_from_the_beginning_is_a_breach_whenever_that_was(late_ms: int) -> None:
    """The agent does not come on the second."""
    finder = ObjectiveFinder(Findings())
    run(finder, 1000 * SECOND + late_ms * MS, 65, SLOW_MS)
    assert ["open"] == [view.state for view in finder.views()]
