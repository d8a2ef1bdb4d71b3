"""otelchan with as little as it needs: what is given up, what works without root, and what is said of what lacks."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from otelchan.kernel.capabilities import Capability
from tests.support import eventually
from tests.support.agent import OTELCHAN, Agent, agent, clean_environment, otelchan
from tests.support.hammer import hammer
from tests.support.machines import capabilities, user
from tests.support.otlp_server import free_port

NOBODY = 65534
ALL = ("bpf", "perfmon", "sys_ptrace", "dac_read_search")
WATCHING = {Capability.SYS_PTRACE, Capability.PERFMON, Capability.SYS_NICE}
NO_LOADING = "loading a BPF program is not permitted; run as root or with CAP_BPF and CAP_PERFMON (`otelchan doctor` "


@pytest.fixture(scope="module")
def binary(workload: Callable[..., Path]) -> Path:
    """A program that does nothing but channel operations; it runs as root."""
    return workload("hammer")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may write."""
    with TemporaryDirectory(prefix="otelchan-") as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


def threads(running: Agent) -> dict[str, set[int]]:
    """What each thread may do."""
    return capabilities_of(running.pid)


def capabilities_of(pid: int) -> dict[str, set[int]]:
    """By thread."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        status = dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines())
        bits = int(status["CapPrm"], 16) | int(status["CapEff"], 16) | int(status["CapAmb"], 16)
        found[task.name] = {number for number in range(64) if bits >> number & 1}
    return found


def written(folder: Path) -> bool:
    """Whether telemetry of channels has come."""
    path = folder / "otlp.jsonl"
    return path.exists() and "channel.process" in path.read_text()


def test_what_is_not_needed_to_watch_a_program_is_given_up(binary: Path, tmp_path: Path) -> None:
    """By every thread, before anything is attached; probes come and go, memory is read and numbers are sent."""
    options = ("--interval", "1", "--otlp-file", tmp_path / "otlp.jsonl", "--status-listen", f"127.0.0.1:{free_port()}")
    with hammer(binary) as program, agent(tmp_path / "log", program.pid, *options) as running:
        running.wait_attached()
        program.ask("buffered 1000")
        eventually(lambda: written(tmp_path))
        held = threads(running)

    assert WATCHING == held[str(running.pid)]
    assert {Capability.NET_BIND_SERVICE} in held.values()  # who answers over HTTP reads no program
    assert [] == [may for may in held.values() if not may <= WATCHING | {Capability.NET_BIND_SERVICE}]
    assert "CAP_SYS_PTRACE (memory of programs)" in running.log


def test_who_waits_for_programs_may_still_look_at_them(binary: Path, tmp_path: Path) -> None:
    """One that starts later is read and has its probes, though nobody may load anything into the kernel any more."""
    own = Path(shutil.copy2(binary, tmp_path / "own"))
    options = ("--exe", own, "--interval", "1", "--otlp-file", tmp_path / "otlp.jsonl")
    with agent(tmp_path / "log", *options) as running:
        running.wait_for("capabilities .* are needed from now on")
        with hammer(own) as program:
            running.wait_attached()
            program.ask("buffered 1000")
            eventually(lambda: written(tmp_path))
            held = threads(running)

    reading = {Capability.SYS_PTRACE, Capability.DAC_READ_SEARCH}
    assert WATCHING | reading == held[str(running.pid)]
    assert [] == [may for may in held.values() if not may <= WATCHING | reading]
    assert reading in held.values()  # who hears of births, and who analyses


def test_root_is_not_needed(binary: Path, open_folder: Path, tmp_path: Path) -> None:
    """A user with four capabilities watches a program of root's that it may not even read."""
    own = Path(shutil.copy2(binary, tmp_path / "own"))
    own.chmod(0o700)
    options = ("--interval", "1", "--otlp-file", open_folder / "otlp.jsonl")
    environment = {"XDG_CACHE_HOME": str(open_folder)}
    with (
        hammer(own) as program,
        agent(tmp_path / "log", program.pid, *options, env=environment, inside=user(NOBODY, *ALL)) as running,
    ):
        running.wait_attached()
        program.ask("buffered 1000")
        eventually(lambda: written(open_folder))
        status = Path(f"/proc/{running.pid}/status").read_text()

    assert f"Uid:\t{NOBODY}\t{NOBODY}" in status
    assert "is off" not in running.log


@pytest.mark.parametrize("who", ["root", "nobody"])
@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("bpf", NO_LOADING),
        ("perfmon", NO_LOADING),
        ("sys_ptrace", "belongs to somebody else; run as root, or with CAP_SYS_PTRACE"),
        (
            "sys_admin",
            "perf events for uprobes are not permitted; run as root or with CAP_SYS_ADMIN, or `--attach multi`",
        ),
    ],
)
def test_each_capability_that_lacks_is_named(
    who: str, missing: str, said: str, binary: Path, open_folder: Path
) -> None:
    """One sentence, and what to do; nothing is attached."""
    kept = [name for name in ALL if name != missing]
    way = "perf" if missing == "sys_admin" else "multi"
    with hammer(binary) as program:
        done = otelchan(
            "run",
            *(program.pid, "--duration", "1", "--attach", way, "--otlp-file", open_folder / "otlp.jsonl"),
            env={"XDG_CACHE_HOME": str(open_folder)},
            inside=capabilities(*kept) if who == "root" else user(NOBODY, *kept),
        )

    assert 2 == done.returncode, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_program_whose_file_may_not_be_read_is_refused(binary: Path, open_folder: Path, tmp_path: Path) -> None:
    """Without the one capability that opens other users' files."""
    own = Path(shutil.copy2(binary, tmp_path / "own"))
    own.chmod(0o700)
    with hammer(own) as program:
        done = otelchan(
            "run",
            *(program.pid, "--duration", "1", "--otlp-file", open_folder / "otlp.jsonl"),
            env={"XDG_CACHE_HOME": str(open_folder)},
            inside=user(NOBODY, *ALL[:3]),
        )

    assert 2 == done.returncode, done.stderr
    assert "CAP_DAC_READ_SEARCH" in done.stderr
    assert "Traceback" not in done.stderr


WATCHERS = {
    "findings": ("findings", "--duration", "60"),
    "chain": ("chain", "--duration", "60"),
    "top": ("top", "--once", "--interval", "60"),
    "record": ("record", "--duration", "60", "-o", "recording"),
    "report": ("report", "--duration", "60", "-o", "page.html"),
}


@pytest.mark.parametrize("command", WATCHERS)
def test_whoever_watches_gives_up_what_it_does_not_need(command: str, binary: Path, tmp_path: Path) -> None:
    """As `run` does, in every thread, and what it says or writes at the end is there all the same."""
    name, *options = WATCHERS[command]
    with hammer(binary) as program:
        line = [str(OTELCHAN), name, str(program.pid), *options]
        running = subprocess.Popen(
            line, cwd=tmp_path, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            eventually(lambda: {Capability.SYS_PTRACE} <= capabilities_of(running.pid)[str(running.pid)] <= WATCHING)
            held = capabilities_of(running.pid)
            assert running.poll() is None
            running.send_signal(signal.SIGINT)
            out, err = running.communicate(timeout=60)
        finally:
            running.kill()
            running.wait()

    assert [] == [may for may in held.values() if not may <= WATCHING]
    assert (running.returncode in (0, 1), "Traceback" in err) == (True, False), err
    assert out
    assert [] == [file for file in options[3:4] if not (tmp_path / file).exists()]


@pytest.mark.parametrize("command", ["record", "report"])
def test_a_file_is_written_at_the_end_into_a_folder_of_another_user(
    command: str, binary: Path, open_folder: Path
) -> None:
    """What that takes stays: root may write everywhere until it gives that up."""
    folder = open_folder / "theirs"
    folder.mkdir(mode=0o755)
    os.chown(folder, NOBODY, NOBODY)
    with hammer(binary) as program:
        done = otelchan(command, program.pid, "--duration", "2", "-o", folder / "file")

    assert 0 == done.returncode, done.stderr
    assert (folder / "file").exists()
