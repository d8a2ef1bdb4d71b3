"""Dumps of goroutines equal the program's own, as the tools read them that people use for those."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from otelchan.view.goroutines_text import PRINTED, goroutine_texts
from tests.support.agent import otelchan
from tests.support.blocked import Dumped, blocked, parse_dump
from tests.support.cores import crashing
from tests.support.dumped import Stack, go_tool_pprof, panicparsed, profile_stacks, self_dumping
from tests.support.gobuild import EVERY_GO
from tests.support.seen import Seen, minor, without_busy

OLDEST, NEWEST = EVERY_GO[0], EVERY_GO[-1]
BUSY = 1  # the goroutine that writes the program's own dump


def dump_to(path: Path, pid: int, form: str) -> Path:
    """`otelchan goroutines PID`, into a file."""
    done = otelchan("goroutines", pid, "--format", form, "-o", path)
    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)
    return path


@pytest.mark.parametrize("go", EVERY_GO)
def test_the_text_equals_the_programs_own(workload: Callable[..., Path], go: str) -> None:
    """Same goroutines, states, frames and creation sites, of every release; a stack that is longer than it prints is
    cut in its middle as newer releases do it, also where the release cuts its end."""
    binary = workload("blocked", go=go)
    with blocked(binary) as program:
        one = Seen(program, binary)
        own = without_busy(program.dump())
        ours = without_busy(parse_dump("".join(goroutine_texts(one.image, one.census())).splitlines()))

    def compared(dumped: Dumped, other: Dumped) -> Dumped:
        newer = minor(one.image) >= 21
        shortened = dumped._replace(frames=dumped.frames[:PRINTED], elided=0)
        return dumped if newer or not max(dumped.elided, other.elided) else shortened

    assert set(own) == set(ours)
    for id_, dumped in own.items():
        assert compared(dumped, ours[id_]) == compared(ours[id_], dumped)
    assert any(dumped.elided for dumped in ours.values())


@pytest.mark.parametrize("go", [OLDEST, NEWEST])
def test_panicparse_finds_the_same_in_both(tmp_path: Path, go: str) -> None:
    """Ids, states, functions, files, lines and who created it; only the one that wrote the program's own dump differs,
    because it is in a system call when otelchan looks, where a stack cannot be read from outside."""
    with self_dumping(go) as program:
        own = panicparsed(program.write("text", tmp_path / "own"))
        ours = panicparsed(dump_to(tmp_path / "ours", program.pid, "text"))

    assert "<unavailable>" == ours.pop(BUSY)["Calls"][0]["File"]
    assert "main.main" in {call["Function"] for call in own.pop(BUSY)["Calls"]}
    assert 79 == len(own)
    assert list(own) == list(ours)
    assert [without_end(goroutine, go) for goroutine in own.values()] == [
        without_end(goroutine, go) for goroutine in ours.values()
    ]


def without_end(goroutine: dict[str, Any], go: str) -> dict[str, Any]:
    """A stack that is too long to be printed without what follows its beginning, where releases before 1.21 differ."""
    if go != OLDEST or len(goroutine["Calls"]) < PRINTED:
        return goroutine
    return {**goroutine, "Calls": goroutine["Calls"][:PRINTED], "Elided": True}


@pytest.mark.parametrize("go", [OLDEST, NEWEST])
def test_offsets_in_functions_equal_the_programs_own(tmp_path: Path, go: str) -> None:
    """Text by text, but for the values of arguments."""
    with self_dumping(go) as program:
        own = program.write("text", tmp_path / "own").read_text()
        ours = dump_to(tmp_path / "ours", program.pid, "text").read_text()

    def places(text: str) -> list[list[str]]:
        found = [part.splitlines() for part in text.strip().split("\n\n")[1:]]
        return [[line for line in part if line.startswith("\t")] for part in found if len(part) < 2 * PRINTED]

    assert places(own) == places(ours)
    assert any("+0x" in line for part in places(ours) for line in part)


@pytest.mark.parametrize("go", [OLDEST, NEWEST])
def test_pprof_finds_the_same_in_both(tmp_path: Path, go: str) -> None:
    """As many goroutines of each stack, inlined calls included; a program keeps the innermost frames only."""
    with self_dumping(go) as program:
        own = profile_stacks(program.write("profile", tmp_path / "own"))
        ours = profile_stacks(dump_to(tmp_path / "ours", program.pid, "pprof"))

    assert sum(own.values()) == sum(ours.values()) == 80
    busy = [stack for stack in own if any(frame.startswith("runtime/pprof.") for frame in stack)]
    assert [1] == [own.pop(stack) for stack in busy]
    assert 1 == ours.pop(("stack unavailable (syscall) :0",))
    longest = max(len(stack) for stack in own)
    assert cut(own, longest) == cut(ours, longest)
    assert 7 == sum(number for stack, number in ours.items() if any("main.inlined " in frame for frame in stack))


def cut(stacks: dict[Stack, int], most: int) -> dict[Stack, int]:
    """Of each stack so many frames; runtime.goexit, which some releases keep, left out."""
    return {stack[:most]: number for stack, number in stacks.items()}


def test_pprof_knows_the_executable_by_its_build_id(tmp_path: Path) -> None:
    """So that it finds the right file for `-list`; and -top counts every goroutine once."""
    with self_dumping(NEWEST) as program:
        own = go_tool_pprof(program.write("profile", tmp_path / "own"), "-top").splitlines()
        ours = go_tool_pprof(dump_to(tmp_path / "ours", program.pid, "pprof"), "-top").splitlines()

    assert own[:3] == ours[:3] == ["File: dumped", own[1], "Type: goroutine"]
    assert own[1].startswith("Build ID: ")
    assert "Showing nodes accounting for 80, 100% of 80 total" in ours


def test_a_binary_dump_goes_to_no_terminal(workload: Callable[..., Path]) -> None:
    """`script` gives it one."""
    command = f"{Path(__file__).parents[2]}/.venv/bin/otelchan goroutines 1 --format pprof"
    done = subprocess.run(["script", "-qec", command, "/dev/null"], capture_output=True, text=True, check=False)
    assert (2, True) == (done.returncode, "would garble the terminal; write it to a file with -o FILE" in done.stdout)


def test_a_core_and_a_recording_give_the_same_dumps(workload: Callable[..., Path], tmp_path: Path) -> None:
    """In each format, of what stands still; the recording does not know where in a function a call is."""
    binary, recording = workload("blocked"), tmp_path / "rec"
    with crashing(binary, tmp_path) as running:
        pid = running.process.pid
        running.program.ask("gc")
        live = dump_to(tmp_path / "live", pid, "text").read_text()
        snapped = otelchan("snapshot", pid, "-o", tmp_path / "a.snap")
        recorded = otelchan("record", pid, "-o", recording, "--duration", 1, "--no-probes")
        core = running.crash()
    assert (0, 0) == (snapped.returncode, recorded.returncode)

    def dumped(*source: str | Path) -> str:
        done = otelchan("goroutines", *source)
        assert (0, "") == (done.returncode, done.stderr)
        return done.stdout

    texts = live, dumped("--core", core), dumped("--recording", recording)
    alive, dead, played = (standing(text) for text in texts)
    assert alive == dead == played
    assert (len(alive) > 60, True, False) == (True, "+0x" in texts[1], "+0x" in texts[2])
    for form, first in (("pprof", "\x1f"), ("json", "{")):
        for source in (("--core", core), ("--recording", recording)):
            path = tmp_path / "other"
            assert 0 == otelchan("goroutines", *source, "--format", form, "-o", path).returncode
            assert first == path.read_bytes()[:1].decode()
    same = otelchan("diff", tmp_path / "a.snap", tmp_path / "a.snap", "--json")
    assert 0 == same.returncode
    cored = otelchan("snapshot", "--core", core, "-o", tmp_path / "b.snap")
    assert (0, "") == (cored.returncode, cored.stderr)
    document = json.loads(otelchan("diff", tmp_path / "a.snap", tmp_path / "b.snap", "--least", 2, "--json").stdout)
    assert (True, True) == (document["same_process"], document["same_executable"])
    changed = [group for group in document["groups"] if group["change"] != "same"]
    assert [] == [group for group in changed if group["site"] and group["wait_reason"].startswith(("chan", "select"))]
    assert sum(group["same_wait"] for group in document["groups"]) > 60


def standing(text: str) -> dict[int, Dumped]:
    """Of a dump the goroutines that wait."""
    return {id_: dumped for id_, dumped in without_busy(parse_dump(text.splitlines())).items() if dumped.frames}
