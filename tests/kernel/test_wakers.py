"""Every wait that ends is told with who ended it: goroutine, function, by value or by close; and what held that up."""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from otelchan.gobinary.image import analyse
from otelchan.gobinary.types import GoImage
from otelchan.kernel.session import Session
from otelchan.kernel.target import target_entry
from otelchan.kernel.types import BlockRecord, Loss, decode_record
from otelchan.model.names import Name, Namer
from otelchan.model.spans import SpanMaker
from otelchan.model.types import BlockSpan, SpanLink
from otelchan.plan.planner import make_plan
from otelchan.plan.types import Plane
from tests.support.gobuild import SUPPORTED_GO

TARGET = 5
TRIES = 3
UNKNOWN_GOROUTINE = -1
LOST = {loss.name for loss in Loss} - {"NAME", "UNPARKED"}  # older channels and waits: what the runtime began with


class Run(NamedTuple):
    """What the program says that it did, in order, and the spans of its waits by the goroutine that slept."""

    wakes: list[dict[str, Any]]
    spans: dict[int, list[BlockSpan]]
    lost: dict[str, int]

    def pairs(self) -> Iterator[tuple[dict[str, Any], BlockSpan]]:
        """Each wake with its span."""
        left = {goroutine: list(spans) for goroutine, spans in self.spans.items()}
        for wake in self.wakes:
            yield wake, left[wake["sleeper"]].pop(0)


BUILDS = [(go, stripped) for go in SUPPORTED_GO for stripped in (False, True)]


@pytest.fixture(params=BUILDS, ids=lambda build: f"{build[0]}{'-stripped' if build[1] else ''}", scope="module")
def run(request: pytest.FixtureRequest, workload: Callable[..., Path]) -> Run:
    """One run of the workload with the waits plane on, and a span of every wait, however short.

    The kernel side cannot wait for a page that is not there at the moment. That is counted, and seldom; such a run is
    done again.
    """
    go, stripped = request.param
    binary = workload("wakers", go=go, stripped=stripped)
    for _ in range(TRIES):
        done = observe(binary)
        if not done.lost["READ"]:
            break
    return done


def observe(binary: Path) -> Run:
    """What it says, and what is seen."""
    image = analyse(binary)
    session = Session()
    with subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdin and program.stdout
            assert "READY\n" == program.stdout.readline()
            attach(session, image, program.pid)
            print("go", file=program.stdin, flush=True)
            wakes = json.loads(program.stdout.readline())
            decoded = [decode_record(data) for data in session.drain()]
            records = [record for record in decoded if isinstance(record, BlockRecord)]
            lost = session.tally(TARGET)["lost"]
        finally:
            program.kill()
            session.close()
    maker, namer = SpanMaker(image, 0), Namer(image)
    spans: dict[int, list[BlockSpan]] = defaultdict(list)
    for record in records:
        name = namer.made_at(record.name_key) or Name("?", "use", "user")
        spans[record.goid].append(maker.make(record, name, "", 0))
    return Run(wakes, spans, {loss.name: int(lost[loss]) for loss in Loss})


def attach(session: Session, image: GoImage, pid: int) -> None:
    """Makes and waits, without a threshold."""
    plan = make_plan(image, TARGET, f"/proc/{pid}/exe")
    entry = target_entry(image, 0)
    entry["span_threshold_ns"], entry["spans_allowed"], entry["waits_epoch"] = 0, 100_000, 1
    session.write_target(TARGET, entry)
    for plane in (Plane.MAKES, Plane.WAITS):
        sites = plan.planes[plane]
        session.attach(plan.path, [s.file_offset for s in sites], [s.cookie for s in sites], pid)


def test_every_wait_has_its_waker(run: Run) -> None:
    """Goroutine, function and way of each wake are those that the program knows; and nobody waited otherwise."""
    seen = {
        (wake["case"], index): (
            span.goroutine_id,
            span.frames[0].function if span.frames else "",
            span.operation,
            span.select,
            span.waker.goroutine_id if span.waker and wake["waker"] != UNKNOWN_GOROUTINE else UNKNOWN_GOROUTINE,
            span.waker.frames[0].function if span.waker and span.waker.frames else "",
            span.waker.how if span.waker else "",
        )
        for index, (wake, span) in enumerate(run.pairs())
    }
    expected = {
        (wake["case"], index): tuple(
            wake[key] for key in ("sleeper", "sleeps_in", "operation", "select", "waker", "wakes_in", "how")
        )
        for index, wake in enumerate(run.wakes)
    }
    assert len(expected) > 25
    assert expected == seen
    sleepers = [wake["sleeper"] for wake in run.wakes]
    assert {goroutine: sleepers.count(goroutine) for goroutine in sleepers} == {
        goroutine: len(run.spans[goroutine]) for goroutine in sleepers
    }


def test_a_goroutine_that_nobody_knows_is_one_all_the_same(run: Run) -> None:
    """A context's deadline is kept by a goroutine that its timer starts: neither the runtime nor one of the program."""
    (span,) = [span for wake, span in run.pairs() if wake["waker"] == UNKNOWN_GOROUTINE]
    known = {wake["waker"] for wake in run.wakes} | {wake["sleeper"] for wake in run.wakes}
    assert span.waker is not None
    assert span.waker.goroutine_id not in known
    assert span.waker.goroutine_id > 0


def test_a_wait_that_was_held_up_by_another_links_to_it(run: Run) -> None:
    """The waker's own last wait is the cause; one that never waited has none."""
    spans = {wake["case"]: span for wake, span in run.pairs()}
    linked = {wake["case"]: (SpanLink(spans[wake["cause"]].context, "waker"),) for wake in run.wakes if wake["cause"]}
    waited = {span.goroutine_id for of in run.spans.values() for span in of}
    found = {wake["case"]: span.links for wake, span in run.pairs() if span.waker and span.waker.goroutine_id in waited}
    assert {"second link"} == set(linked)
    assert linked == found


def test_the_waker_is_shown_with_its_stack(run: Run) -> None:
    """Whole, from the operation down to where its goroutine began."""
    for wake, span in run.pairs():
        assert span.stack_complete, wake
        assert span.waker is not None
        if span.waker.goroutine_id == 0:
            continue
        outermost = span.waker.frames[-1].function
        assert outermost.startswith(("main.", "sync.", "context.", "time.")), (wake, span.waker.frames)
        assert all(frame.line > 0 for frame in span.waker.frames)


def test_nothing_of_it_is_lost(run: Run) -> None:
    """No record, no park, no read."""
    assert dict.fromkeys(sorted(LOST), 0) == {name: run.lost[name] for name in sorted(LOST)}
