"""Processes that come and go: each is counted from its first make, or said to be missed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from otelchan.config.targets import TargetRule
from otelchan.target.selection import Selection
from tests.support import eventually, require_kernel
from tests.support.container import contained
from tests.support.gathering import NO_BUDGET, exported, finish, gathering, start, swift, truth_in


@pytest.fixture
def binary(workload: Callable[..., Path], tmp_path: Path) -> Path:
    """A program that uses channels from its first line on; a file that nobody else runs."""
    return Path(shutil.copy(workload("swift"), tmp_path / "swift"))


@pytest.mark.parametrize(
    ("flags", "settings"),
    [
        ((), {}),
        (("-buildmode=pie",), {}),
        ((), {"backend": "bcc"}),
        ((), {"attach": "perf"}),
    ],
    ids=["plain", "pie", "bcc", "perf"],
)
def test_a_program_that_starts_is_counted_from_its_first_make(
    workload: Callable[..., Path], tmp_path: Path, flags: tuple[str, ...], settings: dict[str, str]
) -> None:
    """Every make and operation of a program that starts after the agent, wherever it is loaded, however the kernel side
    is loaded and attached."""
    binary = Path(shutil.copy(workload("swift", flags=flags), tmp_path / "started"))
    config = msgspec.structs.replace(NO_BUDGET, **settings)
    with gathering(Selection(exe=(str(binary),)), config) as agent:
        agent.wait_ready(binary)
        program = swift(binary, "-for", "2s")
        (seen,) = agent.ended(program.pid)

    assert [truth_in(seen)] == program.truths
    operations = {
        site: {key: number for key, number in row.items() if key.startswith(("send_", "recv_"))}
        for site, row in program.truths[0].items()
    }
    assert exported(seen) == operations


def test_programs_that_start_at_once_are_told_apart(binary: Path) -> None:
    """Five instances of one executable, each with its own numbers."""
    with gathering(Selection(exe=(str(binary),))) as agent:
        agent.wait_ready(binary)
        programs = [finish(process) for process in [start(binary, "-for", "1s") for _ in range(5)]]
        counted = {program.pid: [truth_in(seen) for seen in agent.ended(program.pid)] for program in programs}

    assert counted == {program.pid: program.truths for program in programs}


def test_a_program_of_a_few_milliseconds_is_counted_or_said_to_be_missed(binary: Path) -> None:
    """Nobody's numbers are wrong, and nobody is left out in silence."""
    with gathering(Selection(exe=(str(binary),))) as agent:
        agent.wait_ready(binary)
        programs = [swift(binary, "-for", length) for length in ("0ms", "5ms", "50ms", "50ms", "0ms", "50ms")]
        for program in programs:
            agent.wait_for(rf"pid {program.pid} has ended|pid {program.pid}, which ran")
            if f"pid {program.pid} has ended" in agent.log:
                agent.ended(program.pid)
        counted = {program.pid: [truth_in(seen) for seen in agent.of(program.pid)] for program in programs}
        missed = agent.agent.watches.arrivals.missed

    assert {pid: truths for pid, truths in counted.items() if truths} == {
        program.pid: program.truths for program in programs if counted[program.pid]
    }
    assert missed == sum(not truths for truths in counted.values())
    assert missed < len(programs)


def test_a_program_that_becomes_another_one_is_two_programs(binary: Path, tmp_path: Path) -> None:
    """exec, of another executable and of the same one again: each has its own numbers under the same process id."""
    other = Path(shutil.copy(binary, tmp_path / "other"))
    with gathering(Selection(exe=(str(binary), str(other)))) as agent:
        agent.wait_ready(binary)
        agent.wait_ready(other)
        again = (binary, "--", "-for", "300ms", "-exec", binary, "--", "-for", "300ms")
        program = swift(other, "-for", "300ms", "-exec", *again)
        programs = agent.ended(program.pid, 3)

    assert [truth_in(seen) for seen in programs] == program.truths
    assert [seen.snapshot.process.executable for seen in programs] == [str(other), str(binary), str(binary)]


def test_a_process_id_that_is_given_again_means_another_process(binary: Path) -> None:
    """Two processes of one executable with one id, one after the other."""
    with gathering(Selection(exe=(str(binary),))) as agent:
        agent.wait_ready(binary)
        first = swift(binary, "-for", "200ms")
        for _ in range(50):  # the kernel gives the next free id after the last, and others start processes here too
            Path("/proc/sys/kernel/ns_last_pid").write_text(str(first.pid - 1))
            second = swift(binary, "-for", "200ms")
            if second.pid == first.pid:
                break
        former, latter = agent.ended(first.pid, 2)

    assert [truth_in(former), truth_in(latter)] == [*first.truths, *second.truths]
    assert former.snapshot.process.start_ticks < latter.snapshot.process.start_ticks


def test_a_process_in_namespaces_of_its_own_is_known_as_it_knows_itself(binary: Path, tmp_path: Path) -> None:
    """With files and process ids of its own, as in a container: its path is that inside, its id that which the agent
    sees. The first is found; whoever starts after it is counted from its first make."""
    inside = tmp_path / "app" / "swift"
    inside.parent.mkdir()
    shutil.copy(binary, inside)
    container = (*contained(tmp_path), "/app/swift")
    with gathering(Selection(exe=("/app/swift",))) as agent:
        early = start(*container, "-for", "20s")
        agent.wait_for("all planes are attached")
        late = swift(*container, "-for", "1s")
        agent.wait_for("has ended")
        (seen,) = eventually(lambda: [seen for seen in agent.all() if seen.snapshot.ended])
        finish(early)

    assert not Path("/app/swift").exists()
    assert (late.pid, truth_in(seen)) == (1, late.truths[0])
    assert seen.snapshot.process.executable == "/app/swift"
    assert seen.snapshot.process.pid > 1


@contextmanager
def control_group(name: str) -> Iterator[Path]:
    """A control group of its own; whoever writes to its cgroup.procs is in it."""
    roots = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup/pids"))
    group = next(root for root in roots if (root / "cgroup.procs").exists()) / name
    try:
        group.mkdir()
    except OSError as error:
        require_kernel(f"{group} cannot be made ({error.strerror})")
    try:
        yield group
    finally:
        group.rmdir()


def test_a_rule_leaves_a_container_out_and_another_names_the_rest(binary: Path) -> None:
    """By the beginning of the container's id, which is in the path of its control group; and by the executable."""
    container = "12ab" + os.urandom(30).hex()
    rules = (TargetRule(container="12ab", exclude=True), TargetRule(exe="swift", service_name="quick"))
    config = msgspec.structs.replace(NO_BUDGET, targets=rules)
    with control_group(container) as group, gathering(Selection(exe=(str(binary),)), config) as agent:
        agent.wait_ready(binary)
        kept = start(binary, "-for", "3s")
        agent.wait_for(f"watching pid {kept.pid}")
        left = swift("sh", "-c", f"echo $$ >{group}/cgroup.procs && exec {binary} -for 500ms")
        agent.wait_for(f"pid {left.pid} runs {binary} and is not watched")
        program = finish(kept)
        (seen,) = agent.ended(program.pid)
        others = agent.of(left.pid)

    assert (truth_in(seen), seen.snapshot.process.service_name) == (program.truths[0], "quick")
    assert others == []


def test_an_executable_that_is_replaced_is_watched_under_its_old_name(binary: Path, tmp_path: Path) -> None:
    """As a deployment does it: another file takes the path. Who starts then is counted from the first make."""
    with gathering(Selection(exe=(str(binary),))) as agent:
        agent.wait_ready(binary)
        Path(shutil.copy(binary, tmp_path / "new")).rename(binary)
        agent.wait_for("ready for processes that run", 2)
        program = swift(binary, "-for", "200ms")
        (seen,) = agent.ended(program.pid)

    assert truth_in(seen) == program.truths[0]
