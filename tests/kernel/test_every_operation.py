"""Every operation on channels, with every status, is counted to the unit: against the program's own count."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from otelchan.gobinary.image import analyse
from otelchan.gobinary.types import SiteKind
from otelchan.kernel.session import Session
from otelchan.kernel.types import PanicRecord, decode_record
from otelchan.model.spans import SpanMaker
from otelchan.plan.types import Plane
from tests.support.agent import agent
from tests.support.everyop import BUSY, DEADLY, QUIET, Everyop, Truth, attach, counted, everyop, site_of, state
from tests.support.gobuild import SUPPORTED_GO, source_line
from tests.support.hits import hits

WOULD_BLOCK = ("send_would_block", "recv_would_block")
GIVEN_UP_S = 30
ROUNDS = 12


@pytest.fixture
def session() -> Iterator[Session]:
    """The loaded kernel side."""
    loaded = Session()
    yield loaded
    loaded.close()


@pytest.fixture
def seed() -> int:
    """Drawn anew each time; pytest prints it when a test fails."""
    return random.randrange(1 << 32)


@pytest.mark.parametrize("go", SUPPORTED_GO)
@pytest.mark.parametrize("phase", [*QUIET, *BUSY])
def test_every_operation_is_counted_exactly(
    session: Session, workload: Callable[..., Path], go: str, phase: str, seed: int
) -> None:
    """Each operation and status, each close and what was left, each panic, on the channel of each line: no difference,
    and nothing is lost; quietly, under contention, and where stacks grow within the operations."""
    binary = workload("everyop", go=go)
    image = analyse(binary)
    with everyop(binary) as program:
        attach(session, image, program.pid)
        truth = program.run(phase, seed, scale=3)
        seen = state(session)

    assert truth
    assert counted(image, seen) == truth, f"seed {seed}"
    assert {name: count for name, count in seen.losses.items() if count} == {}


@pytest.mark.parametrize("go", SUPPORTED_GO)
def test_what_is_left_at_a_close_is_what_is_received_after_it(
    session: Session, workload: Callable[..., Path], go: str, seed: int
) -> None:
    """Also where three close at the same time as others send and receive, and the program cannot know how much is
    left; then each of its channels has been emptied."""
    binary = workload("everyop", go=go)
    image = analyse(binary)
    with everyop(binary) as program:
        attach(session, image, program.pid)
        truth = program.run("served", seed, scale=3)
        seen = counted(image, state(session))

    left = {site: (done.pop("residue", 0), done.pop("drained", 0)) for site, done in seen.items()}
    assert seen == truth, f"seed {seed}"
    assert all(residue == drained > 0 for residue, drained in left.values()), f"seed {seed}: {left}"


@pytest.mark.parametrize("go", SUPPORTED_GO)
def test_stacks_do_grow_within_operations(workload: Callable[..., Path], go: str, seed: int) -> None:
    """closechan is entered more often than it looks whether the channel is closed: what grew its stack began anew. So
    the phase above shows something."""
    binary = workload("everyop", go=go)
    image = analyse(binary)
    function = image.functions.find("runtime.closechan")
    (site,) = (site for site in image.sites if site.kind is SiteKind.CLOSE)
    assert function
    entry, close = image.file_offset(function.entry), image.file_offset(site.address)
    with everyop(binary) as program, hits(binary, [entry, close]) as counters:
        before = counters.read()
        for round_ in range(ROUNDS):  # in one of them it may happen in other functions only
            truth = program.run("growth", seed + round_)
        after = counters.read()

    executed = sum(done["closes"] + done["close_of_closed"] for done in truth.values())
    assert executed == after[close] - before[close]
    assert executed < after[entry] - before[entry]


@pytest.mark.parametrize("go", SUPPORTED_GO)
@pytest.mark.parametrize("phase", ["non-blocking", "select", "contention"])
def test_what_would_block_is_counted_without_any_other_plane(
    session: Session, workload: Callable[..., Path], go: str, phase: str, seed: int
) -> None:
    """All attempts, whatever their channel: nobody has seen where it was made."""
    binary = workload("everyop", go=go)
    with everyop(binary) as program:
        attach(session, analyse(binary), program.pid, planes=(Plane.POLLS,))
        truth = program.run(phase, seed)
        seen = state(session)

    total = sum((Counter(row._asdict()) for row in seen.counts.values()), Counter[str]())
    expected = sum(truth.values(), Counter[str]())
    assert {field: expected[field] for field in WOULD_BLOCK} == +total, f"seed {seed}"


@pytest.mark.parametrize("go", SUPPORTED_GO)
@pytest.mark.parametrize("phase", DEADLY)
def test_a_panic_that_kills_the_program_is_known(
    session: Session, workload: Callable[..., Path], go: str, phase: str, seed: int
) -> None:
    """Counted on its channel, with the whole stack of who did it, though the program is dead when we look."""
    binary = workload("everyop", go=go)
    image = analyse(binary)
    with everyop(binary) as program:
        attach(session, image, program.pid)
        truth = program.run(phase, seed)
        assert program.process.wait(GIVEN_UP_S) == 2  # Go's exit status of a panic
        seen = state(session)
        (record,) = (record for record in map(decode_record, session.drain()) if isinstance(record, PanicRecord))

    event = SpanMaker(image, 0).panic(record, 0)
    assert counted(image, seen) == truth, f"seed {seed}"
    error = DEADLY[phase]
    assert (error, [site for site, done in truth.items() if done[error]]) == (
        record.error,
        [site_of(image, record.name_key)],
    )
    assert event.stack_complete
    assert all(frame.function.startswith("main.") for frame in event.frames)
    assert any(frame.function.startswith(("main.die", "main.(*channel[...]).send")) for frame in event.frames)


@pytest.mark.parametrize("go", SUPPORTED_GO)
def test_a_close_is_known_by_its_time_its_function_and_what_came_after(
    session: Session, workload: Callable[..., Path], go: str, seed: int
) -> None:
    """Each later receive is in the histogram of delays, of an element or of none, and none that waited for the close;
    a close by reflection is by who asked for it."""
    binary = workload("everyop", go=go)
    image = analyse(binary)
    with everyop(binary) as program:
        attach(session, image, program.pid)
        began = time.monotonic_ns()
        truth = program.run("closed", seed)
        truth = program.run("reflect", seed)
        ended = time.monotonic_ns()
        seen = state(session)

    by_site = {site_of(image, key): rare for key, rare in seen.rare.items()}
    place = SpanMaker(image, 0).place
    closed = {site: done for site, done in truth.items() if done["closes"]}
    assert closed
    assert all(began < by_site[site].closed_ns < ended for site in closed)
    functions = {site: getattr(place(by_site[site].closed_by), "function", "") for site in closed}
    assert {function for site, function in functions.items() if site.startswith("selects.go")} == {"main.reflecting"}
    assert {f for site, f in functions.items() if site.startswith("phases.go")} == {"main.(*channel[...]).close"}
    waited = _parked_until_closed()
    later = {site: done["recv_closed"] + done["drained"] for site, done in closed.items() if site not in waited}
    assert later == {site: sum(by_site[site].delays) for site in later}, f"seed {seed}"
    for site in later:
        assert by_site[site].delay_sum_ns >= sum(by_site[site].delays)  # at least a nanosecond each


def _parked_until_closed() -> set[str]:
    """The one channel of the phase on which receives may wait until it is closed: how many do, nobody can say."""
    return {f"phases.go:{source_line('everyop', 'parked := counted', 'phases.go')}"}


@pytest.mark.parametrize("go", SUPPORTED_GO)
def test_all_of_it_comes_out_as_otlp(workload: Callable[..., Path], tmp_path: Path, go: str, seed: int) -> None:
    """From the program to the last metric points of `otelchan run`: no difference; and what it dies of is a span."""
    out = tmp_path / "telemetry.json"
    with everyop(workload("everyop", go=go)) as program:
        options = ("--interval", 1, "--otlp-file", out, "--max-overhead", "off")
        with agent(tmp_path / "log", program.pid, *options) as running:
            running.wait_attached()
            truth = _all_phases(program, seed)
            program.process.wait(GIVEN_UP_S)
            running.process.wait(GIVEN_UP_S)

    lines = [json.loads(line) for line in out.read_text().splitlines()]
    exported = {site: done - Counter(made=done["made"]) for site, done in truth.items()}
    assert _exported(lines) == {site: done for site, done in exported.items() if done}, f"seed {seed}"
    panics = [span for span in _of(lines, "Spans", "spans") if span["name"].startswith("panic ")]
    last = max(panics, key=lambda span: int(span["startTimeUnixNano"]))
    attributes = {a["key"]: next(iter(a["value"].values())) for a in last["attributes"]}
    assert (last["name"], last["status"]["code"]) == ("panic send_on_closed", 2)
    assert attributes["error.type"] == "send_on_closed"
    assert "main.(*channel[...]).send" in attributes["code.stacktrace"]


def _all_phases(program: Everyop, seed: int) -> Truth:
    for number, phase in enumerate((*QUIET, *BUSY)):
        program.run(phase, seed + number)
    return program.run("die-parked", seed)


def _exported(lines: list[dict[str, Any]]) -> Truth:
    """The last value of each series of counters, as the program says it."""
    last: dict[tuple[str, str], int] = {}
    for metric in _of(lines, "Metrics", "metrics"):
        for point in metric.get("sum", {}).get("dataPoints", ()):
            attributes = {a["key"]: a["value"].get("stringValue", "") for a in point.get("attributes", ())}
            field, name = _field(metric["name"], attributes), attributes.get("channel.name", "")
            if "asInt" in point and field and not name.startswith("runtime."):
                last[field, name] = int(point["asInt"])
    found: Truth = {}
    for (field, name), value in last.items():
        found.setdefault("nil" if name == "nil channel" else name.split()[-1], Counter())[field] += value
    return {site: +done for site, done in found.items() if +done}


def _field(metric: str, attributes: dict[str, str]) -> str:
    if metric == "channel.process":
        return f"{attributes['channel.operation']}_{attributes['channel.status']}"
    names = {"channel.close": "closes", "channel.close.residue": "residue", "channel.close.drained": "drained"}
    return attributes["error.type"] if metric == "channel.panic" else names.get(metric, "")


def _of(lines: list[dict[str, Any]], signal: str, items: str) -> Iterator[dict[str, Any]]:
    for line in lines:
        for resource in line.get(f"resource{signal}", ()):
            for scope in resource[f"scope{signal}"]:
                yield from scope[items]
