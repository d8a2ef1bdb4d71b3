"""What a hit costs on this machine, measured on otelchan's own program."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from otelchan import costs
from otelchan.errors import KernelError
from otelchan.gobinary.analysis import keep_in
from otelchan.kernel import calibration
from otelchan.kernel.calibration import calibrate
from otelchan.kernel.calibration_code import CLOSE, MAKE, PARK, RECV, SELECT, SEND, WAKE, WOULD_BLOCK, program
from otelchan.kernel.session import Session
from otelchan.kernel.types import MAPS
from otelchan.plan.catalogue import PROBES
from otelchan.plan.costs import PLAUSIBLE_NS

TARGET = 5


@pytest.fixture
def session() -> Iterator[Session]:
    """A loaded kernel side that watches nothing."""
    loaded = Session(parked_entries=64)
    yield loaded
    loaded.close()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where costs are kept, and nothing is known before."""
    costs._known.clear()
    keep_in(tmp_path / "images")
    yield tmp_path / "images"
    keep_in(None)
    costs._known.clear()


def test_every_kind_but_the_panic_is_measured(session: Session) -> None:
    """Within what a trap can take; a select and a make, which read more, cost more than an attempt that would block."""
    found = calibrate(session, TARGET)
    assert {probe.number for probe in PROBES if probe.kind.value != "panic"} == set(found)
    assert [] == [kind for kind, cost in found.items() if not PLAUSIBLE_NS[0] <= cost <= PLAUSIBLE_NS[1]]
    assert found[WOULD_BLOCK] < min(found[SELECT], found[MAKE], found[CLOSE])
    assert found[PARK] == found[WAKE]


def test_it_leaves_nothing_behind(session: Session) -> None:
    """The target's id can be given to a program: no counts, no channels, no hits."""
    calibrate(session, TARGET)
    left = {name: len(session.items(name)[0]) for name in MAPS if name in ("parked", "channels", "counts", "edges")}
    assert {"parked": 0, "channels": 0, "counts": 0, "edges": 0} == left
    assert 0 == session.tally(TARGET)["hits"].sum()


def test_on_a_machine_with_many_processors_it_takes_hardly_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread for each, up to 64, and fewer hits of each: no more of all together than 16 processors have."""
    hits = {}
    for processors in (1, 2, 16, 64, 128):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, processors=processors: set(range(processors)))
        with calibration._child(program()) as child:
            hits[processors] = (child.threads, child.times * child.threads)
    assert {1: (1, 400), 2: (2, 800), 16: (16, 800), 64: (64, 1600), 128: (64, 1600)} == hits


def test_with_as_many_threads_as_there_may_be_all_hits_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """More threads than processors here, which is harder still: nothing is lost, and it costs what a trap can cost."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    loaded = Session(parked_entries=1024)
    try:
        found = calibrate(loaded, TARGET)
    finally:
        loaded.close()
    assert [] == [kind for kind, cost in found.items() if not PLAUSIBLE_NS[0] <= cost <= PLAUSIBLE_NS[1]]


def test_hits_that_were_cut_short_are_no_measurement(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """They cost less than those of a program: the budget would be too lax."""
    monkeypatch.setitem(calibration.LAYOUT, "hchan_qcount", 1 << 31)
    with pytest.raises(KernelError, match="did not find what they looked for"):
        calibrate(session, TARGET)


def test_with_an_event_for_each_site_one_kind_is_measured() -> None:
    """Taking such a probe off takes a tenth of a second each."""
    loaded = Session(parked_entries=64, attach="perf")
    try:
        assert {SEND} == set(calibrate(loaded, TARGET))
    finally:
        loaded.close()


def test_costs_are_measured_once_and_kept(session: Session, folder: Path) -> None:
    """On disk, for this boot; a second otelchan takes them from there."""
    costs.measure(session)
    assert session.costs is not None
    assert session.costs.measured
    kept = json.loads((folder / costs.FILE).read_text())
    kept["cost_ns"] = {number: 4000.0 for number in kept["cost_ns"]}
    (folder / costs.FILE).write_text(json.dumps(kept))
    costs._known.clear()
    costs.measure(session)
    assert {5000} == {cost for kind, cost in session.costs.by_kind.items() if kind.value != "panic"}


@pytest.mark.parametrize("contents", ["", "{}", '{"key": "another", "cost_ns": {"3": 4000.0}}', "\x00" * 9000])
def test_costs_of_another_boot_or_no_costs_are_measured_again(session: Session, folder: Path, contents: str) -> None:
    """What is on disk is not trusted further than its key."""
    folder.mkdir(mode=0o700)
    (folder / costs.FILE).write_text(contents)
    costs.measure(session)
    assert session.costs is not None
    assert 5000 != session.costs.by_kind[next(probe.kind for probe in PROBES if probe.number == RECV)]
    assert contents != (folder / costs.FILE).read_text()


def test_costs_that_cannot_be_are_measured_again(session: Session, folder: Path) -> None:
    """A wrong low cost would let probes take more than the budget."""
    costs.measure(session)
    kept = json.loads((folder / costs.FILE).read_text())
    kept["cost_ns"]["3"] = 1.0
    (folder / costs.FILE).write_text(json.dumps(kept))
    session.costs = None
    costs._known.clear()
    costs.recall(session)
    assert session.costs is None
    costs.measure(session)
    assert session.costs is not None
    assert PLAUSIBLE_NS[0] < json.loads((folder / costs.FILE).read_text())["cost_ns"]["3"]


def test_costs_that_cannot_be_measured_are_those_of_the_reference_machine(
    session: Session, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And the log says so."""
    monkeypatch.setitem(calibration.LAYOUT, "hchan_qcount", 1 << 31)
    with caplog.at_level(logging.INFO, "otelchan"):
        costs.measure(session)
    assert session.costs is None
    assert "reference machine" in caplog.text
    assert not (folder / costs.FILE).exists()
