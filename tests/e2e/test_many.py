"""Many processes, and none, on one agent from the command line."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support import eventually
from tests.support.agent import agent, otelchan
from tests.support.bpf_objects import held_by
from tests.support.gathering import swift

MANY = 200
MOST_BYTES = 128 << 20  # measured: 60 MB


@pytest.fixture
def binary(workload: Callable[..., Path], tmp_path: Path) -> Path:
    """A program that lives for a while; a file that nobody else runs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return Path(shutil.copy(workload("swift"), folder / "swift"))


@contextmanager
def idle(binary: Path, number: int) -> Iterator[list[int]]:
    """So many processes that have done their work and wait; their ids."""
    processes = [subprocess.Popen([binary, "-for", "10m"], stdout=subprocess.DEVNULL) for _ in range(number)]
    try:
        yield [process.pid for process in processes]
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()


def resources(path: Path) -> list[dict[str, Any]]:
    """Attributes of each Resource in a file of OTLP JSON lines, the agent's own left out."""
    found = []
    for line in path.read_text().splitlines():
        for resource in json.loads(line).get("resourceMetrics", []):
            attributes = {a["key"]: next(iter(a["value"].values())) for a in resource["resource"]["attributes"]}
            if "process.runtime.name" in attributes:
                found.append(attributes)
    return found


def test_two_hundred_processes_fit_one_agent(binary: Path, tmp_path: Path) -> None:
    """All are watched, exported each under its own process id, at the memory of one and with the links of one."""
    path = tmp_path / "otlp.jsonl"
    with (
        idle(binary, MANY) as pids,
        agent(tmp_path / "log", "--exe", f"{binary.parent}/*", "--interval", 2, "--otlp-file", path) as running,
    ):
        running.wait_for("all planes are attached", MANY, timeout=120)
        held = held_by(running.pid)
        eventually(lambda: path.exists() and {int(r["process.pid"]) for r in resources(path)} == set(pids), 60)
        resident = int(Path(f"/proc/{running.pid}/statm").read_text().split()[1]) * 4096

    assert held.links == 5  # four planes and births
    assert resident < MOST_BYTES


def test_all_waits_where_nothing_is_meant(tmp_path: Path) -> None:
    """And says so, in one line."""
    with agent(tmp_path / "log", "--all", "--include", f"{tmp_path}/*", "--otlp-file", tmp_path / "otlp") as running:
        running.wait_for(f"no Go process runs that --all --include {tmp_path}/\\* means; waiting for one")
        assert running.process.poll() is None
    assert "bug of ours" not in running.log
    assert running.log.count("ERROR") == 0


def test_all_finds_what_is_started_and_the_configuration_names_it(binary: Path, tmp_path: Path) -> None:
    """A rule's service.name goes before the program's own; who is excluded is not there."""
    other = Path(shutil.copy(binary, binary.parent / "excluded"))
    config = tmp_path / "otelchan.yaml"
    config.write_text(
        f"targets:\n  - exe: {other}\n    exclude: true\n  - exe: '{binary.parent}/*'\n    service_name: front\n"
    )
    arguments = ("--all", "--include", f"{binary.parent}/*", "--config", config, "--interval", 1)
    path = tmp_path / "otlp.jsonl"
    with (
        idle(binary, 1) as (pid,),
        idle(other, 1),
        agent(tmp_path / "log", *arguments, "--otlp-file", path, env={"OTEL_SERVICE_NAME": "never"}) as running,
    ):
        running.wait_attached()
        eventually(lambda: path.exists() and resources(path), 30)
        found = {(r["service.name"], int(r["process.pid"])) for r in resources(path)}

    assert found == {("front", pid)}


def test_commands_for_one_process_take_all_when_there_is_one(binary: Path) -> None:
    """`--all` with --include says which process as well as its id does."""
    with idle(binary, 2) as pids:
        narrowed = ("census", "--all", "--include", binary, "--json")
        several = otelchan(*narrowed)
    with idle(binary, 1) as (pid,):
        one = otelchan(*narrowed)

    assert several.returncode == 2
    named = ", ".join(str(pid) for pid in sorted(pids))
    assert f"2 processes match --all --include {binary}: {named}; name one of them" in several.stderr
    assert (one.returncode, json.loads(one.stdout)["process"]["pid"]) == (0, pid)


def test_in_a_pid_namespace_programs_are_watched_once_they_run(binary: Path, tmp_path: Path) -> None:
    """The kernel's process ids are not the agent's there: it says so, and attaches to each process by itself."""
    both = f'{binary} -for 30s >/dev/null & exec "$@"'  # in the namespace: the agent, and what it watches
    inside = ("unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", both, "sh")
    arguments = ("--exe", binary, "--interval", 1, "--duration", 8, "--otlp-file", tmp_path / "otlp")
    with agent(tmp_path / "log", *arguments, inside=inside) as running:
        running.wait_attached()
        running.process.wait(60)

    assert "process ids of its own (a pid namespace)" in running.log
    assert "ready for processes that run" not in running.log


def test_a_program_that_comes_and_goes_is_exported_to_its_end(binary: Path, tmp_path: Path) -> None:
    """The sums of a program that started and ended between two exports are those that it says itself."""
    path = tmp_path / "otlp.jsonl"
    with agent(tmp_path / "log", "--exe", binary, "--interval", 60, "--otlp-file", path) as running:
        running.wait_for("ready for processes that run")
        program = swift(binary, "-for", "200ms")
        running.wait_for(f"pid {program.pid} has ended")
        eventually(lambda: path.exists() and "channel.process" in path.read_text(), 30)
    sums: dict[str, int] = {}
    for line in path.read_text().splitlines():
        for resource in json.loads(line).get("resourceMetrics", []):
            for metric in (m for scope in resource["scopeMetrics"] for m in scope["metrics"]):
                if metric["name"] == "channel.process":
                    for point in (p for p in metric["sum"]["dataPoints"] if not p.get("flags")):
                        labels = {a["key"]: a["value"].get("stringValue") for a in point["attributes"]}
                        if labels["channel.status"] == "ok" and labels["channel.operation"] == "send":
                            sums[str(labels["channel.name"]).split()[-1]] = int(point["asInt"])

    assert sums.items() >= {site: done["send_ok"] for site, done in program.truths[0].items()}.items()
