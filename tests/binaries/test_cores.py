"""Core files of real Go programs, as the kernel and gcore write them: no root."""

from __future__ import annotations

import json
import re
import resource
import shutil
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from otelchan.commands.census import census_of_core
from otelchan.errors import BinaryError, MemoryGone, TargetError
from otelchan.gobinary.image import analyse
from otelchan.memory.census import take_census
from otelchan.memory.live import LiveReader
from otelchan.memory.types import Census, Goroutine
from otelchan.model.names import names_for_census
from otelchan.postmortem import Remains, opened
from otelchan.target.process import by_pid, load_bias
from otelchan.view.census import census_document
from tests.support.agent import otelchan
from tests.support.blocked import parse_dump
from tests.support.cores import Crashing, crashing, kernel_writes_here
from tests.support.gobuild import SUPPORTED_GO

BUILDS: list[tuple[str, dict[str, Any]]] = [
    *((go, {}) for go in SUPPORTED_GO),
    *((go, {"flags": ("-buildmode=pie",)}) for go in SUPPORTED_GO),
    (SUPPORTED_GO[-1], {"stripped": True}),
]
PRINTED = 50  # frames at either end of a stack in a dump: tracebackInnerFrames, tracebackOuterFrames
FILTER = "coredump_filter"
SIGNAL = "SIGABRT" if kernel_writes_here() else ""  # what a core says that it ended by; gcore ends nothing
_LIKE_PPROF = re.compile(r"(?<=\d) gp=\S+ m=\S+(?: mp=\S+)?| fp=\S+ sp=\S+ pc=\S+$", re.M)


def live_census(binary: Path, pid: int) -> tuple[Census, dict[str, Any]]:
    """Of the running program, and its document."""
    process, image = by_pid(pid), analyse(binary)
    census = take_census(LiveReader(pid), image, load_bias(process, image.segments))
    return census, census_document(process, image, census, names_for_census(image, census))


def standing(census: Census) -> dict[int, Goroutine]:
    """By id, all that do not notice the end: without the main goroutine and the runtime's own."""
    return {g.id: g for g in census.goroutines if not g.system and g.id != 1}


def dumped_functions(folder: Path) -> dict[int, list[str]]:
    """Of every parked goroutine that the dying runtime printed, the functions of its stack."""
    text = (folder / "dump").read_text().partition("\n-----")[0]  # then each thread says where it is
    text = _LIKE_PPROF.sub("", text.partition("\nrax ")[0])  # the registers come last
    found = parse_dump("\n\n".join(text.split("\n\n")[1:]).splitlines())  # the signal comes first
    return {
        id_: [frame.function for frame in dumped.frames]
        for id_, dumped in found.items()
        if dumped.state not in ("running", "syscall", "runnable")
    }


def functions_of(remains: Remains, goroutine: Goroutine) -> list[str]:
    """All functions of its stack as a dump with GOTRACEBACK=crash prints them: the runtime's and wrappers too."""
    names = [frame.function for pc in goroutine.stack for frame in remains.image.functions.frames(pc)]
    return names if len(names) <= 2 * PRINTED else names[:PRINTED] + names[-PRINTED:]


@pytest.mark.parametrize(("go", "build"), BUILDS, ids=str)
def test_a_core_says_what_the_program_said_before_it_died(
    workload: Callable[..., Path], tmp_path: Path, go: str, build: dict[str, Any]
) -> None:
    """Same goroutines with the same waits and whole stacks, same channels, same counts, same names; and the runtime's
    own dump of the moment of its death has the same stacks."""
    binary = workload("blocked", go=go, **build)
    with crashing(binary, tmp_path, {"OTEL_SERVICE_NAME": "shop"}) as running:
        running.program.ask("gc")
        alive, document = live_census(binary, running.process.pid)
        core = running.crash()
    died_ns = time.monotonic_ns()

    with opened(str(core)) as remains:
        dead = remains.census()
        shown = {id_: functions_of(remains, goroutine) for id_, goroutine in standing(dead).items()}
    dumped = dumped_functions(tmp_path)
    assert standing(alive) == standing(dead)
    assert list(alive.channels) == list(dead.channels)
    assert alive.counts == dead.counts
    assert len(dumped) > 60
    assert {id_: names for id_, names in dumped.items() if id_ in shown} == {
        id_: names for id_, names in shown.items() if id_ in dumped
    }
    assert {g.id for g in standing(dead).values() if g.wait_reason} <= set(dumped)

    seen = census_of_core(str(core))
    same = ("go", "channels")
    assert {key: document[key] for key in same} == {key: seen[key] for key in same}
    assert ("core", SIGNAL, str(binary)) == (seen["source"], seen["origin"]["signal"], seen["origin"]["binary"])
    assert core.stat().st_mtime_ns == seen["time_unix_ns"]
    assert (running.process.pid, str(binary), "shop", None) == tuple(
        seen["process"][key] for key in ("pid", "executable", "service_name", "created_unix_ns")
    )
    stamps = {goroutine.id: goroutine.wait_since_ns for goroutine in dead.goroutines}
    assert all(0 <= g["age_ns"] <= died_ns - stamps[g["id"]] for g in seen["parked"] if g["age_ns"] is not None)


def test_a_snapshot_by_gcore_says_the_same_as_the_program_that_goes_on(
    workload: Callable[..., Path], tmp_path: Path
) -> None:
    """gcore writes other headers than the kernel, at odd offsets, and stops the program only for a moment."""
    binary = workload("blocked", go=SUPPORTED_GO[-1])
    with crashing(binary, tmp_path) as running:
        running.program.ask("gc")
        alive, _ = live_census(binary, running.process.pid)
        core = running.photograph()
        with opened(str(core)) as remains:
            dead, origin = remains.census(), remains.origin()
        core.unlink()

    assert standing(alive) == standing(dead)
    assert list(alive.channels) == list(dead.channels)
    assert "" == origin.details["signal"]


def crashed(binary: Path, folder: Path, coredump_filter: str = "") -> Path:
    """A core of a program that has only just parked everything."""
    with crashing(binary, folder) as running:
        if coredump_filter:
            Path(f"/proc/{running.process.pid}/{FILTER}").write_text(coredump_filter)
        return running.crash()


def test_a_program_that_is_not_there_any_more_is_given_by_hand(workload: Callable[..., Path], tmp_path: Path) -> None:
    """Deleted, or of another machine: a copy of the same build does, wherever it is."""
    gone, copy = tmp_path / "gone", tmp_path / "copy"
    shutil.copy(workload("blocked"), gone)
    shutil.copy(gone, copy)
    core = crashed(gone, tmp_path)
    gone.unlink()

    with pytest.raises(TargetError, match=f"the core {core} is of {gone}, which is not on this machine; give the same"):
        census_of_core(str(core))
    assert str(gone) == census_of_core(str(core), str(copy))["process"]["executable"]


@pytest.mark.parametrize("flags", [(), ("-buildmode=pie",)], ids=str)
def test_another_build_is_refused(workload: Callable[..., Path], tmp_path: Path, flags: tuple[str, ...]) -> None:
    """By its build id in the first page of memory; when that page was left out, by the sizes of what was mapped."""
    binary, other = workload("blocked", flags=flags), workload("blocked", flags=flags, go=SUPPORTED_GO[-1])
    for number, kept in enumerate(("0x33", "0x23")):
        folder = tmp_path / str(number)
        folder.mkdir()
        core = crashed(binary, folder, kept)
        assert 73 == census_of_core(str(core))["goroutines"]["count"]
        with pytest.raises(TargetError, match=f"the core {core} is not of {other} .* but of another build; name the"):
            census_of_core(str(core), str(other))


def test_a_core_without_the_programs_own_memory_is_refused(workload: Callable[..., Path], tmp_path: Path) -> None:
    """Its first values, which the executable has, are never taken for its last ones."""
    core = crashed(workload("blocked"), tmp_path, "0x32")
    with pytest.raises(
        MemoryGone, match=f"8 bytes at 0x.* are not in the core {core}; take it with coredump_filter 0x33"
    ):
        census_of_core(str(core))


def without_note(core: Path, number: int) -> Path:
    """The core with the number of that note made one that nobody knows."""
    with core.open("r+b") as file:
        head = file.read(1 << 18)
        at = head.index(struct.pack("<I", number) + b"CORE\0")
        file.seek(at)
        file.write(b"none")
    return core


def test_a_core_that_does_not_list_the_mapped_files(workload: Callable[..., Path], tmp_path: Path) -> None:
    """The executable is at the path that was executed, as in dumps by Delve."""
    binary = workload("blocked", flags=("-buildmode=pie",))
    core = without_note(crashed(binary, tmp_path), 0x46494C45)  # NT_FILE
    seen = census_of_core(str(core))
    assert (str(binary), 73) == (seen["process"]["executable"], seen["goroutines"]["count"])


def test_a_core_that_does_not_say_where_its_executable_was_is_refused(
    workload: Callable[..., Path], tmp_path: Path
) -> None:
    """Without auxiliary vector nothing says which executable, nor where."""
    core = without_note(crashed(workload("blocked"), tmp_path), 6)  # NT_AUXV
    with pytest.raises(TargetError, match=f"the core {core} does not name its executable; name it with --binary PATH"):
        census_of_core(str(core))
    with pytest.raises(TargetError, match=r"does not say where its executable was loaded \(NT_AUXV\)"):
        census_of_core(str(core), str(workload("blocked")))


def test_a_core_that_was_cut_off_is_refused(workload: Callable[..., Path], tmp_path: Path) -> None:
    """As by a limit on the size of cores."""
    core = crashed(workload("blocked"), tmp_path)
    with core.open("r+b") as file:
        file.truncate(1 << 20)
    with pytest.raises(TargetError, match=r"is cut off after 1048576 of \d+ bytes"):
        census_of_core(str(core))


def test_a_program_that_is_not_go_is_refused(tmp_path: Path) -> None:
    """With its name."""
    program = subprocess.Popen(["sleep", "60"], cwd=tmp_path)
    resource.prlimit(program.pid, resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    core = Crashing(None, program, tmp_path).crash()  # type: ignore[arg-type]
    with pytest.raises(BinaryError, match=rf"the core {core} is of (\S+): \1 is not a Go executable"):
        census_of_core(str(core))


def test_the_command_prints_the_same_as_json_and_as_tables(workload: Callable[..., Path], tmp_path: Path) -> None:
    """Where it comes from, when it was written and what ended it are said."""
    core = crashed(workload("blocked"), tmp_path)
    as_json, as_text = otelchan("census", "--core", core, "--json"), otelchan("census", "--core", core)

    assert [(0, ""), (0, "")] == [(done.returncode, done.stderr) for done in (as_json, as_text)]
    assert 73 == json.loads(as_json.stdout)["goroutines"]["count"]
    assert f"24 channels seen; from the core {core}, written at 2" in as_text.stdout.splitlines()[0]
    assert as_text.stdout.splitlines()[0].endswith(f"Z, after {SIGNAL}" if SIGNAL else "Z")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--core", "/nowhere/core"), "the core /nowhere/core cannot be read: No such file or directory; give the"),
        (("--core", "/etc/hostname"), "/etc/hostname is not a core file; give one that the kernel or gcore wrote"),
        (("4711", "--core", "x"), "PID and --core were given; say in one way what to look at"),
        (("--core", "x", "--recording", "y"), "--core and --recording were given; say in one way what to look at"),
        (("4711", "--binary", "/bin/true"), "--binary /bin/true means something only with --core; add that"),
        (("--core", "x", "--round", "1"), "--round 1 means something only with --recording; add that"),
        ((), "no process was named"),
    ],
)
def test_what_a_user_can_get_wrong_is_one_sentence(arguments: tuple[str, ...], expected: str) -> None:
    """Exit status 2, nothing else printed."""
    done = otelchan("census", *arguments)
    assert (2, "", 1) == (done.returncode, done.stdout, done.stderr.count("\n"))
    assert expected in done.stderr
