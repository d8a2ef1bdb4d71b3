"""A snapshot on a page: what one moment says, and that it says no more."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from otelchan.errors import UsageError
from otelchan.report import make_report
from otelchan.report.page import page_of
from otelchan.view.snapshot import Group, Member, Place
from tests.support.stills import SERVE, WORKER, taken


def test_a_snapshot_has_its_goroutines_channels_and_who_waits(tmp_path: Path) -> None:
    """Ages are at least those that a garbage collection has noted, and unknown where none has."""
    (program,) = make_report([str(taken(tmp_path / "a.snap"))], 0, "0.1.0").programs
    assert ("example.com/shop", False) == (program.name, program.history)
    assert [("jobs", 10.0, 8.0, {"send": 2.0}), ("done", 0.0, 0.0, {"recv": 1.0})] == [
        (row.name, row.lag_now, row.capacity, row.waiters) for row in program.channels
    ]
    assert [("chan send", 2, 30.0, True, WORKER, SERVE), ("chan receive", 1, None, True, SERVE, None)] == [
        (row.wait_reason, row.count, row.oldest, row.at_least, row.site, row.created_by) for row in program.places
    ]
    assert [("main.worker", "jobs", "send", 2.0, 30.0, ()), ("main.serve", "done", "recv", 1.0, None, ())] == [
        tuple(link) for link in program.links
    ]
    assert {"chan send": 30.0} == program.goroutines.oldest


def test_a_snapshot_says_that_it_has_no_history(tmp_path: Path) -> None:
    """No findings is not health when nobody has looked for them; and what could not be read is said."""
    text = page_of(make_report([str(taken(tmp_path / "a.snap"))], 0, "0.1.0")).decode()
    for words in ("no history", "not looked for", "2 goroutines could not be read", "None can be told from one moment"):
        assert words in text
    assert "What the agent itself lost" not in text


@pytest.mark.parametrize(
    ("what", "instead"),
    [('"monotonic_ns":100000000000', '"monotonic_ns":"x"'), ("[1,70000000000,[1],0]", '[1,"x",[1],0]'),
     ("[1,70000000000,[1],0]", "[1,70000000000,[1],0.0]")],
)  # fmt: skip
def test_numbers_that_are_none_are_damage(tmp_path: Path, what: str, instead: str) -> None:
    """Said in one sentence, as of a file that was cut short."""
    text = gzip.decompress(taken(tmp_path / "a.snap").read_bytes()).decode()
    assert what in text
    (tmp_path / "b.snap").write_bytes(gzip.compress(text.replace(what, instead).encode()))
    with pytest.raises(UsageError, match="is damaged or was cut short"):
        make_report([str(tmp_path / "b.snap")], 0, "0.1.0")


def test_who_works_is_not_parked(tmp_path: Path) -> None:
    """As in the metric `goroutine.blocked`; among the places it is, with what it does."""
    groups = [
        Group(place, set(), [Member(9, 0, (), 0)])
        for place in (Place("syscall", None, SERVE), Place("running", WORKER, None))
    ]
    (program,) = make_report([str(taken(tmp_path / "a.snap", *groups))], 0, "0.1.0").programs
    assert {"chan send": (2.0,), "chan receive": (1.0,)} == {
        line.label: line.values for line in program.goroutines.blocked
    }
    assert (5.0,) == program.goroutines.total.values
    assert {"syscall", "running"} <= {row.wait_reason for row in program.places}
