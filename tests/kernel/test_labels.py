"""Profiler labels of goroutines that wait: what the kernel side and memory say of them is what the program set."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from otelchan.gobinary.image import analyse
from otelchan.gobinary.types import LABEL_NAMES, LONGEST_VALUE, GoImage
from otelchan.kernel.session import Session
from otelchan.kernel.target import target_entry
from otelchan.kernel.types import BlockRecord, Loss, decode_record
from otelchan.memory.census import take_census
from otelchan.memory.labels import labels_of, read_labels
from otelchan.memory.live import LiveReader
from otelchan.memory.recorded import RecordedReader, RecordingReader
from otelchan.memory.types import Goroutines, LabelsOf
from otelchan.model.request import Request, request_of
from otelchan.plan.planner import make_plan
from otelchan.plan.types import Plane
from tests.support.agent import otelchan
from tests.support.cores import crashing
from tests.support.gobuild import EVERY_GO

TARGET = 5
ENDS = (EVERY_GO[0], EVERY_GO[-1])
TRIES = 4
TRACE = bytes.fromhex("0af7651916cd43dd8448eb211c80319c")
SPAN, INNER = bytes.fromhex("b7ad6b7169203331"), bytes.fromhex("00f067aa0ba902b7")
BOTH, NOTHING = Request(TRACE, SPAN), None
REQUESTS = {
    "opentelemetry": BOTH,
    "with the span's name": BOTH,
    "eight": BOTH,
    "ten": BOTH,
    "too many": NOTHING,
    "of no request": NOTHING,
    "no ids": NOTHING,
    "long": NOTHING,
    "empty": NOTHING,
    "datadog": Request(TRACE, SPAN),
    "polar signals": Request(TRACE, b""),
    "span only": Request(b"", SPAN),
    "many tracers": BOTH,
    "none": NOTHING,
    "taken off": NOTHING,
    "inherited": BOTH,
    "nested": Request(TRACE, INNER),
}
"""What the goroutines of tests/workloads/labels work for."""
UNREAD = "too many"


class Run(NamedTuple):
    """What the program says of its goroutines; labels by goroutine, of records and as memory had them; losses."""

    cases: list[dict[str, Any]]
    recorded: dict[int, dict[str, str]]
    read: dict[int, dict[str, str]]
    again: dict[int, dict[str, str]]
    unread: int
    lost: dict[str, int]

    def expected(self) -> dict[int, dict[str, str]]:
        """Of the labels that are asked for, those that are short enough to be an id."""
        return {
            case["goroutine"]: {
                name: value
                for name, value in case["labels"].items()
                if name in LABEL_NAMES and 0 < len(value) <= LONGEST_VALUE and case["case"] != UNREAD
            }
            for case in self.cases
        }


@pytest.fixture(params=EVERY_GO, scope="module")
def run(request: pytest.FixtureRequest, workload: Callable[..., Path]) -> Run:
    """One run, with a span of every wait.

    Until Go 1.23 one set of ten labels in fifty lies so in its map that it is not read, which is counted; and the
    kernel side cannot wait for a page that is not there at the moment. Such a run is done again.
    """
    binary = workload("labels", go=request.param)
    for _ in range(TRIES):
        done = observe(binary)
        if done.lost["LABEL"] == done.unread == 1 and not done.lost["READ"]:
            break
    return done


def observe(binary: Path, threshold_ns: int = 0) -> Run:
    """Labels in memory while all wait, and in records when all have waited for so long or longer."""
    image, session = analyse(binary), Session()
    with subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdin and program.stdout
            assert f"READY {program.pid}\n" == program.stdout.readline()
            attach(session, image, program.pid, threshold_ns)
            print("start", file=program.stdin, flush=True)
            cases = json.loads(program.stdout.readline())
            read, again, unread = in_memory(LiveReader(program.pid), image)
            print("go", file=program.stdin, flush=True)
            assert "DONE\n" == program.stdout.readline()
            decoded = [decode_record(data) for data in session.drain()]
            records = {record.goid: dict(record.labels) for record in decoded if isinstance(record, BlockRecord)}
            lost = session.tally(TARGET)["lost"]
        finally:
            program.kill()
            session.close()
    ours = {case["goroutine"] for case in cases}
    recorded = {goroutine: labels for goroutine, labels in records.items() if goroutine in ours}
    return Run(cases, recorded, read, again, unread, {loss.name: int(lost[loss]) for loss in Loss})


def attach(session: Session, image: GoImage, pid: int, threshold_ns: int) -> None:
    """The waits plane."""
    plan = make_plan(image, TARGET, f"/proc/{pid}/exe")
    entry = target_entry(image, 0)
    entry["span_threshold_ns"], entry["spans_allowed"], entry["waits_epoch"] = threshold_ns, 100_000, 1
    session.write_target(TARGET, entry)
    sites = plan.planes[Plane.WAITS]
    session.attach(plan.path, [s.file_offset for s in sites], [s.cookie for s in sites], pid)


def in_memory(reader: LiveReader, image: GoImage) -> tuple[dict[int, dict[str, str]], dict[int, dict[str, str]], int]:
    """Labels of all that are parked; the same from a recording of what was read; how many could not be read."""
    goroutines = Goroutines.of(take_census(reader, image, 0).goroutines)
    places = np.flatnonzero(goroutines.reason)
    ids = goroutines.id[places].tolist()
    recording, recorded = RecordingReader(reader), RecordedReader()
    found = labels_of(recording, image.layout, goroutines, places)
    recorded.load(recording.take())
    again = labels_of(recorded, image.layout, goroutines, places)
    assert found.labels == read_labels(reader, image.layout, goroutines.address[places]).labels
    return by_goroutine(ids, found), by_goroutine(ids, again), found.unread


def by_goroutine(ids: list[int], found: LabelsOf) -> dict[int, dict[str, str]]:
    """Labels by goroutine id."""
    return {goroutine: dict(labels) for goroutine, labels in zip(ids, found.labels, strict=True)}


def test_the_record_of_a_wait_has_the_labels_that_the_goroutine_had(run: Run) -> None:
    """Set by pprof.Do and by hand, nested, inherited from who started it, taken off again; none of other names."""
    assert len(REQUESTS) == len(run.cases)
    assert run.expected() == run.recorded


def test_labels_of_goroutines_that_still_wait_are_read_from_memory(run: Run) -> None:
    """The same labels, also from what was recorded of the memory; and of no other goroutine there are any."""
    expected = run.expected()
    assert expected == {goroutine: labels for goroutine, labels in run.read.items() if goroutine in expected}
    assert [{}] * (len(run.read) - len(expected)) == [run.read[other] for other in run.read.keys() - expected.keys()]
    assert run.read == run.again


def test_labels_say_which_request_it_is(run: Run) -> None:
    """Both ids make a link; one alone is told; what is no id says nothing."""
    requests = {case["case"]: request_of(run.recorded[case["goroutine"]].items()) for case in run.cases}
    assert REQUESTS == requests


def test_more_labels_than_are_looked_at_are_counted(run: Run) -> None:
    """Of 42 nothing is believed, and nothing else is lost."""
    assert (1, 1) == (run.lost["LABEL"], run.unread)


@pytest.mark.parametrize("go", ENDS)
def test_of_a_wait_below_the_threshold_no_labels_are_read(workload: Callable[..., Path], go: str) -> None:
    """Those of one goroutine cannot be read, which is counted where it is tried: it is not tried."""
    run = observe(workload("labels", go=go), threshold_ns=10**12)
    assert ({}, 0) == (run.recorded, run.lost["LABEL"])
    assert len(REQUESTS) == len(run.cases)


@pytest.mark.parametrize("go", ENDS)
def test_goroutines_as_json_say_their_requests(workload: Callable[..., Path], tmp_path: Path, go: str) -> None:
    """Of the running program and of a core file of it."""
    with crashing(workload("labels", go=go), tmp_path) as program:
        process = program.process
        assert process.stdin and process.stdout
        print("start", file=process.stdin, flush=True)
        cases = {case["goroutine"]: case["case"] for case in json.loads(process.stdout.readline())}
        documents = [shown(process.pid), shown("--core", program.crash())]
    expected = {case: request for case, request in REQUESTS.items() if request}
    for document in documents:
        requests = {each["id"]: each["request"] for each in document["goroutines"] if each["request"]}
        assert expected == {
            cases[goroutine]: Request(*(bytes.fromhex(ids[key]) for key in ("trace_id", "span_id")))
            for goroutine, ids in requests.items()
        }


def shown(*what: str | int | Path) -> dict[str, Any]:
    """The document of `otelchan goroutines --json`."""
    done = otelchan("goroutines", "--json", *what)
    assert (done.returncode, done.stderr) == (0, "")
    document: dict[str, Any] = json.loads(done.stdout)
    return document
