"""Snapshots of real programs, compared: what grew is told with its line and its number, and nothing else is."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support import eventually
from tests.support.agent import otelchan
from tests.support.faults import Fault, fault, places

LEAST, STUCK = 3, 12


def snapshot(program: Fault, path: Path) -> range:
    """Of a program, and how many goroutines it may have lost at that moment, by its own account before and after."""
    before = lost(program)
    done = otelchan("snapshot", program.pid, "-o", path, "--force")
    assert (0, "") == (done.returncode, done.stderr)
    return range(before, lost(program) + 1)


def lost(program: Fault) -> int:
    """How many goroutines a program says it has lost."""
    return program.state().numbers.get("goroutines", 0)


def compared(*names: str | Path | int) -> tuple[int, dict[str, Any]]:
    """Exit status and document of a diff."""
    done = otelchan("diff", *names, "--least", LEAST, "--json")
    assert "" == done.stderr
    return done.returncode, json.loads(done.stdout)


def test_what_is_stuck_is_told_by_line_and_exact_number(tmp_path: Path) -> None:
    """Twelve are new at the line where they are stuck; a look later they are in the very same wait."""
    with fault("F1-stuck", "bad") as program:
        snapshot(program, tmp_path / "a")
        program.go()
        eventually(lambda: lost(program) == STUCK)
        time.sleep(1)
        snapshot(program, tmp_path / "b")
        status, document = compared(tmp_path / "a", tmp_path / "b")
        later, now = compared(tmp_path / "b", program.pid)

    assert (1, True, True) == (status, document["same_process"], document["same_executable"])
    (new,) = (group for group in document["groups"] if group["change"] != "same")
    assert ("new", 0, STUCK, 0) == (new["change"], new["before"], new["after"], new["same_wait"])
    assert places()["F1-stuck stuck"] == place(new["site"])
    assert new["growth_per_minute"] == STUCK * 60e9 / document["elapsed_ns"]
    (channel,) = (named for named in document["channels"] if named["after"]["senders"])
    assert [f"send {channel['name']}"] == new["channels"]
    assert (0, STUCK) == (channel["before"]["lag"], channel["after"]["lag"])
    assert (0, {"same"}) == (later, {group["change"] for group in now["groups"]})
    (same,) = (group for group in now["groups"] if group["site"] == new["site"])
    assert (STUCK, STUCK, STUCK) == (same["before"], same["after"], same["same_wait"])


def place(frame: dict[str, Any]) -> str:
    """ "file.go:line"."""
    return f"{Path(frame['file']).name}:{frame['line']}"


@pytest.mark.parametrize("name", ["F1", "F1-select"])
def test_what_leaks_has_grown_by_that_number(tmp_path: Path, name: str) -> None:
    """At the line where it is stuck, and those that were lost before still wait; also as compared with now."""
    with fault(name, "bad") as program:
        program.go()
        eventually(lambda: lost(program) > 1)
        before = snapshot(program, tmp_path / "a")
        eventually(lambda: lost(program) >= before[-1] + LEAST)
        after = snapshot(program, tmp_path / "b")
        status, document = compared(tmp_path / "a", tmp_path / "b")
        now, with_now = compared(tmp_path / "a", program.pid)

    assert 1 == status
    (grown,) = (group for group in document["groups"] if group["change"] in ("new", "grown"))
    assert places()[f"{name} stuck"] == place(grown["site"])
    assert near(grown["before"], before)
    assert near(grown["after"], after)
    assert near(grown["same_wait"], before)
    (sends,) = (waits.removeprefix("send ") for waits in grown["channels"] if waits.startswith("send "))
    (channel,) = (named for named in document["channels"] if named["name"] == sends)
    assert (grown["before"], grown["after"]) == (channel["before"]["lag"], channel["after"]["lag"])
    assert (1, "grown") == (
        now,
        next(group["change"] for group in with_now["groups"] if group["site"] == grown["site"]),
    )


def near(number: int, lost: range) -> bool:
    """One that has just been lost may not wait yet, or may wait and not be counted yet."""
    return lost[0] - 1 <= number <= lost[-1] + 1


@pytest.mark.parametrize("name", ["F1", "F1-select"])
def test_a_healthy_program_has_nothing_new(tmp_path: Path, name: str) -> None:
    """The corrected twins do the same traffic."""
    with fault(name, "good") as program:
        program.go()
        snapshot(program, tmp_path / "a")
        time.sleep(2)
        snapshot(program, tmp_path / "b")
        status, document = compared(tmp_path / "a", tmp_path / "b")

    assert 0 == status
    assert {"same"} == {group["change"] for group in document["groups"]}


def test_two_processes_and_two_executables_are_told_apart(tmp_path: Path) -> None:
    """Two runs of one executable have no wait in common, whatever their goroutines look like."""
    with fault("F1", "good") as one, fault("F1", "good") as other:
        snapshot(one, tmp_path / "a")
        snapshot(other, tmp_path / "b")
        _, document = compared(tmp_path / "a", tmp_path / "b")
        printed = otelchan("diff", tmp_path / "a", other.pid).stdout

    assert (False, True) == (document["same_process"], document["same_executable"])
    assert {0} == {group["same_wait"] for group in document["groups"]}
    assert "note: these are two different processes of the same executable, so nothing waits since before\n" in printed


def test_a_snapshot_is_never_written_over_unless_asked(tmp_path: Path) -> None:
    """The moment does not come back."""
    with fault("F1", "good") as program:
        path = tmp_path / "a"
        snapshot(program, path)
        kept = path.read_bytes()
        refused = otelchan("snapshot", program.pid, "-o", path)
        said = json.loads(otelchan("snapshot", program.pid, "-o", path, "--force", "--json").stdout)

    assert (2, "otelchan: ") == (refused.returncode, refused.stderr[:10])
    assert f"{path} exists, and a snapshot cannot be taken again; give another path, or --force" in refused.stderr
    assert (str(path), path.stat().st_size, program.pid) == (said["file"], said["size"], said["pid"])
    assert [path] == list(tmp_path.iterdir())
    assert kept != path.read_bytes()
