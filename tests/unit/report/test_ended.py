"""What had ended before a recording did: programs, findings, and agents that told of no end."""

from __future__ import annotations

from pathlib import Path

import pytest

from otelchan.findings.types import Assessment
from otelchan.model.types import Counter, GoroutineView
from otelchan.report import make_report
from otelchan.report.page import page_of
from tests.support.otlp_lines import Recorder, without
from tests.support.recorded import at, of
from tests.support.snapshots import ATTACHED, NOW, WORKER, channel, finding, snapshot

WORK = "main.work main.go:41"


def test_a_program_that_has_ended_is_shown_as_it_was_at_the_last_look(tmp_path: Path) -> None:
    """Its series end with it, and its findings; that is no reason to show nothing."""
    recorder = Recorder(tmp_path / "a")
    recorder.look(snapshot([channel(WORK, lag=4)]), Assessment((finding(),)))
    recorder.look(snapshot([channel(WORK, lag=7)], time_unix_ns=at(1)), Assessment((finding(),)))
    recorder.end(at(2))
    program = of(tmp_path / "a")
    assert (at(1), 2) == (program.end, program.looks)
    assert [(WORK, 7.0, {"send": 2.0})] == [(row.name, row.lag_now, row.waiters) for row in program.channels]
    assert [("F1", None)] == [(row.id, row.end) for row in program.findings]
    assert [("F1", None)] == [(row.id, row.end) for row in of(without(tmp_path / "a", "resourceSpans")).findings]


def test_a_program_that_has_ended_keeps_who_was_parked_and_what_was_closed(tmp_path: Path) -> None:
    """What held at the last look stands on the page, and the order in which it has closed its channels."""
    recorder = Recorder(tmp_path / "a")
    for second in range(2):
        closed = channel(WORK, closes=Counter(1, ATTACHED), closed_by=WORKER, closed_unix_ns=NOW)
        goroutines = GoroutineView(12, {"select": 3})
        recorder.look(snapshot([closed], goroutines=goroutines, time_unix_ns=at(second)))
    recorder.end(at(2))
    program = of(tmp_path / "a")
    assert (12.0, 12.0) == program.goroutines.total.values
    assert [("select", (3.0, 3.0))] == [(line.label, line.values) for line in program.goroutines.blocked]
    assert [(WORK, (NOW, "main.worker"))] == [(row.name, row.closed) for row in program.channels]
    page = page_of(make_report([str(tmp_path / "a")], NOW, "0.1.0")).decode()
    assert "12 at the end" in page
    assert "None is parked at the end" not in page


def test_a_finding_whose_end_nobody_told_of_does_not_hold_for_ever(tmp_path: Path) -> None:
    """The agent was killed; the next one, of the same program, does not find it."""
    recorder = Recorder(tmp_path / "a")
    recorder.look(snapshot(), Assessment((finding(),)))
    recorder.look(snapshot(time_unix_ns=at(1)), Assessment((finding(),)))
    Recorder(tmp_path / "a").look(snapshot(time_unix_ns=at(60)))
    assert [("F1", at(1))] == [(row.id, row.end) for row in of(tmp_path / "a").findings]


def test_what_holds_has_room_whatever_was_over_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of too many findings those that were over first are left out, which is said; states go on being followed."""
    monkeypatch.setattr("otelchan.report.told.MOST_FINDINGS", 2)
    monkeypatch.setattr("otelchan.report.history.MOST_STATES", 1)
    recorder = Recorder(tmp_path / "a")
    recorder.look(snapshot(), Assessment((finding(channel="a"),)))
    for second in range(1, 4):
        about = finding(channel="abcd"[second])
        recorder.look(snapshot(time_unix_ns=at(second)), Assessment((about,)))
    program = of(tmp_path / "a")
    assert [("d", None), ("c", at(3))] == [(row.channel, row.end) for row in program.findings]
    assert "2 finding or waits that spans tell of left out" in " ".join(program.missing)
    assert [at(0), at(1)] == [time for row in program.held for time in row.stretches[0][:2]]


def test_a_finding_that_ended_at_the_last_look_is_over(tmp_path: Path) -> None:
    """The metric says that it does not hold any more."""
    recorder = Recorder(tmp_path / "a")
    recorder.look(snapshot(), Assessment((finding(),)))
    recorder.look(snapshot(time_unix_ns=at(1)), Assessment((finding(),)))
    recorder.look(snapshot(time_unix_ns=at(2)))
    assert [("F1", at(2))] == [(row.id, row.end) for row in of(tmp_path / "a").findings]
