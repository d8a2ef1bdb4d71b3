"""Processes of one executable share its probes, as long as each of them may have them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from otelchan.target.selection import Selection
from tests.support.bpf_objects import held_by
from tests.support.gathering import NO_BUDGET, Gathering, Seen, finish, gathering, start, swift, truth_in
from tests.support.hammer import hammer

TRAP = b"\xcc"


@pytest.fixture
def binary(workload: Callable[..., Path], tmp_path: Path) -> Path:
    """A program that uses channels from its first line on; a file that nobody else runs."""
    return Path(shutil.copy(workload("swift"), tmp_path / "swift"))


def sites(agent: Gathering) -> list[int]:
    """Where the probes of a program that is watched are; the program is none that is loaded anywhere."""
    (watch, *_) = agent.agent.watches.values()
    return [planned.site.address for plane in watch.probes.plan.planes.values() for planned in plane]


def traps_in(pid: int, addresses: list[int]) -> int:
    """At how many of these addresses of a process there is a trap."""
    with Path(f"/proc/{pid}/mem").open("rb") as memory:
        return sum(os.pread(memory.fileno(), 1, address) == TRAP for address in addresses)


def test_any_number_of_processes_have_one_link_per_plane(binary: Path) -> None:
    """And one for births: what attaching and detaching costs does not grow with them."""
    with gathering(Selection(exe=(str(binary),))) as agent:
        agent.wait_ready(binary)
        links = held_by(os.getpid()).links
        processes = [start(binary, "-for", "3s") for _ in range(20)]
        agent.wait_for("all planes are attached", len(processes))
        assert held_by(os.getpid()).links == links
        assert links == 1 + len(next(iter(agent.agent.watches.values())).probes.plan.planes)
        for process in processes:
            finish(process)


def test_a_process_that_is_not_watched_pays_nothing_for_those_that_are(binary: Path, tmp_path: Path) -> None:
    """One file under two names, one of them excluded: as soon as somebody runs that, the probes are not shared any
    more, and who is watched goes on being watched."""
    wanted, unwanted = tmp_path / "wanted", tmp_path / "unwanted"
    shutil.copy(binary, wanted)
    unwanted.hardlink_to(wanted)
    with gathering(Selection(exe=(str(wanted), str(unwanted)), exclude=("unwanted",))) as agent:
        agent.wait_ready(wanted)
        kept = start(wanted, "-for", "5s")
        agent.wait_for("all planes are attached")
        places = sites(agent)
        stranger = start(unwanted, "-for", "4s")
        agent.wait_for(f"pid {stranger.pid} runs {wanted} and is not watched")
        agent.wait_for("all planes are attached", 2)
        traps = traps_in(kept.pid, places), traps_in(stranger.pid, places)
        program = finish(kept)
        finish(stranger)
        (seen,) = agent.ended(program.pid)

        assert traps == (len(places), 0)
        assert truth_in(seen) == program.truths[0]
        agent.wait_shared(wanted)
        later = swift(wanted, "-for", "300ms")
        assert [truth_in(seen) for seen in agent.ended(later.pid)] == later.truths


def sent(seen: Seen) -> int:
    """Sends of all channels that were counted."""
    return sum(counts.send_ok for counts in seen.kernel.counts.values())


def test_one_process_over_its_budget_leaves_the_others_their_probes(
    workload: Callable[..., Path], tmp_path: Path
) -> None:
    """Its traps are taken out of all at once, and put back into the others, which are counted as before."""
    binary = Path(shutil.copy(workload("hammer"), tmp_path / "hammer"))
    config = msgspec.structs.replace(NO_BUDGET, max_overhead=3.0)
    with gathering(Selection(exe=(str(binary),)), config) as agent:
        agent.wait_ready(binary)
        with hammer(binary) as busy, hammer(binary) as calm:
            agent.wait_for("all planes are attached", 2)
            busy.ask("buffered 2000000")
            agent.wait_for(f"pid {busy.pid}: the operations plane is detached")
            agent.wait_for(f"pid {calm.pid}: all planes are attached", 2)
            before = agent.latest(calm.pid)
            calm.ask("buffered 1009")
            after = agent.latest(calm.pid)
            states = [agent.latest(pid).snapshot.planes["operations"] for pid in (busy.pid, calm.pid)]

    assert sent(after) - sent(before) == 1009
    assert states == ["sliced", "on"]


def test_what_is_too_many_is_refused_by_name(binary: Path) -> None:
    """With one place left, the second process is refused, and has no probes in it."""
    with gathering(Selection(exe=(str(binary),))) as agent:
        agent.wait_ready(binary)
        processes = agent.agent.session.processes
        places = iter(processes.take, None)
        last = list(places)[-1]
        assert last is not None
        processes.offer(last)
        one = start(binary, "-for", "4s")
        agent.wait_for("all planes are attached")
        other = start(binary, "-for", "3s")
        agent.wait_for(f"pid {other.pid}: 256 programs are watched already; run another otelchan for it")
        agent.wait_for("all planes are attached", 2)
        refused, traps = agent.agent.watches.arrivals.refused, traps_in(other.pid, sites(agent))
        finish(other)
        program = finish(one)
        (seen,) = agent.ended(program.pid)

    assert (refused, traps) == (1, 0)
    assert truth_in(seen) == program.truths[0]
    assert agent.of(other.pid) == []


@contextmanager
def layered(lower: Path, folder: Path) -> Iterator[Path]:
    """A file system of its own over that folder, as a container of an image has it."""
    parts = [folder / name for name in ("upper", "work", "merged")]
    for part in parts:
        part.mkdir(parents=True)
    options = f"lowerdir={lower},upperdir={parts[0]},workdir={parts[1]}"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, parts[2]], check=True)
    try:
        yield parts[2]
    finally:
        subprocess.run(["umount", parts[2]], check=True)


def test_containers_of_one_image_have_one_file_and_are_told_apart(binary: Path, tmp_path: Path) -> None:
    """On overlayfs each has a device and inode of its own, but the kernel's probes are in the one file below."""
    image = tmp_path / "image"
    image.mkdir()
    shutil.copy(binary, image / "swift")
    with (
        layered(image, tmp_path / "a") as a,
        layered(image, tmp_path / "b") as b,
        gathering(Selection(exe=(f"{tmp_path}/*/merged/swift",))) as agent,
    ):
        agent.wait_ready(a / "swift")
        agent.wait_ready(b / "swift")
        roots = (a, b, a, b)
        programs = [finish(process) for process in [start(root / "swift", "-for", "1s") for root in roots]]
        counted = [truth_in(seen) for program in programs for seen in agent.ended(program.pid)]
        paths = [seen.snapshot.process.executable for program in programs for seen in agent.of(program.pid)]

    assert counted == [program.truths[0] for program in programs]
    assert paths == [str(root / "swift") for root in roots]
