"""`otelchan plan` as people and scripts use it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from otelchan.plan.catalogue import PLANE_ORDER, PROBES
from tests.support.agent import OTELCHAN, agent, clean_environment, otelchan
from tests.support.hammer import hammer
from tests.support.programs import not_go
from tests.support.shop import shop

SITES = 25  # in Go 1.26 and 1.27: 7 in the makes plane, 6 waits, 5 operations, 7 polls
NO_PRIVILEGES = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all")


def planned(*arguments: str | int | Path) -> dict[str, Any]:
    """The document, which must be all that is printed."""
    done = otelchan("plan", *arguments, "--json")
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_the_plan_of_a_shop_has_every_probe_and_says_why(workload: Callable[..., Path]) -> None:
    """All planes with sites, costs, reasons and expected hits; and the facts about the program."""
    binary = workload("shop", go="1.27.3")
    with shop(binary) as program:
        program.start()
        (found,) = planned(program.pid)["processes"]

    assert (found["pid"], found["executable"]) == (program.pid, str(binary))
    assert found["go"]["version"] == "go1.27.3"
    assert [plane["plane"] for plane in found["planes"]] == list(PLANE_ORDER)
    kinds = {site["kind"] for plane in found["planes"] for site in plane["sites"]}
    assert kinds == {probe.kind.value for probe in PROBES}
    for plane in found["planes"]:
        assert plane["outlook"] in ("fits", "unsure", "exceeds")
        assert plane["hits_per_second"]["high"] > 0
        for site in plane["sites"]:
            assert site["gives"] and site["instruction"] and site["cost_ns"] > 0
            assert int(site["address"], 16) - int(site["file_offset"], 16) == 0x400000
    assert found["sampling"]["duration_ns"] >= 2_000_000_000
    assert (found["attaching"]["backend"], found["attaching"]["way"]) == ("libbpf", "multi")
    assert (found["would_be_refused"], found["watched_by"], found["unknown"]) == ([], None, {})
    assert "who waits there waits for ever, and the census sees it" in {left["reason"] for left in found["left_out"]}


def test_people_get_tables(workload: Callable[..., Path]) -> None:
    """The facts first, then planes, probes, and what is left out; a line per probe."""
    with shop(workload("shop", go="1.27.3", stripped=True)) as program:
        done = otelchan("plan", program.pid, "--sample", "0.5")

    assert done.returncode == 0, done.stderr
    first, *rest = done.stdout.splitlines()
    assert first == (
        f"pid {program.pid}, example.com/shop, go1.27.3: {SITES} probes in {len(PLANE_ORDER)} planes would be "
        "attached; nothing is attached now"
    )
    assert any(line.startswith("executable") and "stripped, layout from our table" in line for line in rest)
    assert sum(bool(re.match(r"(makes|waits|operations|polls) +\w+ +runtime\.\w+ +0x", line)) for line in rest) == SITES
    for title in ("Planes, in the order of attaching", "Probes", "Left out"):
        assert title in rest


def test_several_processes_of_one_file_know_of_each_other(workload: Callable[..., Path], tmp_path: Path) -> None:
    """By --exe all are planned, each as one that would be attached alone; who cannot be is said."""
    binary = Path(shutil.copy2(workload("hammer", go="1.27.3"), tmp_path / "twin"))
    with hammer(binary) as one, hammer(binary) as two:
        both = planned("--exe", binary, "--sample", "0")
        mixed = planned(one.pid, 4194303, "--sample", "0")

    assert {one.pid: [two.pid], two.pid: [one.pid]} == {
        found["pid"]: found["other_processes"] for found in both["processes"]
    }
    assert [found["pid"] for found in mixed["processes"]] == [one.pid]
    (refused,) = mixed["refused"]
    assert refused["pid"] == 4194303
    assert refused["reason"].startswith("there is no running process 4194303")


def test_when_nobody_looks_the_hits_are_unknown(workload: Callable[..., Path]) -> None:
    """--sample 0: a plan without rates, and the reason."""
    with hammer(workload("hammer", go="1.27.3")) as program:
        (found,) = planned(program.pid, "--sample", "0")["processes"]

    assert found["unknown"] == {"hits": "nobody looked, because of --sample 0"}
    assert {plane["outlook"] for plane in found["planes"]} == {"unknown"}
    assert [plane["hits_per_second"] for plane in found["planes"]] == [None] * len(PLANE_ORDER)


def test_the_budget_and_the_way_of_attaching_are_those_that_were_asked_for(workload: Callable[..., Path]) -> None:
    """--max-overhead and --attach mean what they mean for `run`."""
    with hammer(workload("hammer", go="1.27.3")) as program:
        (perf,) = planned(program.pid, "--sample", "0", "--attach", "perf", "--max-overhead", "off")["processes"]

    assert (perf["attaching"]["way"], perf["attaching"]["links"]) == ("perf", SITES)
    assert perf["attaching"]["detach_ms"] > 1000
    assert perf["budget_percent"] is None
    assert {plane["outlook"] for plane in perf["planes"]} == {"fits"}


def test_an_executable_that_does_not_run_has_a_plan(workload: Callable[..., Path]) -> None:
    """--file: the sites are those of the file, and hits cannot be known."""
    binary = workload("hammer", go="1.26.8", stripped=True)
    (found,) = planned("--file", binary)["processes"]

    assert (found["pid"], found["executable"], found["go"]["stripped"]) == (None, str(binary), True)
    assert sum(len(plane["sites"]) for plane in found["planes"]) == SITES
    assert found["unknown"]["hits"] == "it is a file, not a process"


def test_who_watches_it_already_is_said(workload: Callable[..., Path], tmp_path: Path) -> None:
    """By its process id; and its own traps are no other tracer's that one could live with."""
    with (
        hammer(workload("hammer", go="1.27.3")) as program,
        agent(tmp_path / "log", program.pid, "--otlp-file", tmp_path / "out") as other,
    ):
        other.wait_attached()
        (found,) = planned(program.pid, "--sample", "0")["processes"]

    assert found["watched_by"] == str(other.pid)
    (reason,) = found["would_be_refused"]
    assert reason == f"it is already watched by otelchan with process id {other.pid}; stop that one first"
    assert {site["other_trap"] for plane in found["planes"] for site in plane["sites"]} == {True}


def test_without_privileges_as_much_is_said_as_can_be(workload: Callable[..., Path]) -> None:
    """One's own program, and no capability: sites, code and, where the kernel lets one, hits; why it cannot be
    attached."""
    paranoid = int(Path("/proc/sys/kernel/perf_event_paranoid").read_text())
    program = subprocess.Popen(
        [*NO_PRIVILEGES, workload("hammer", go="1.27.3")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert program.stdout and program.stdout.readline() == b"READY\n"
        done = subprocess.run(
            [*NO_PRIVILEGES, OTELCHAN, "plan", str(program.pid), "--json", "--sample", "0.5"],
            capture_output=True,
            text=True,
            env=clean_environment(),
            check=True,
        )
    finally:
        program.kill()
        program.communicate()

    (found,) = json.loads(done.stdout)["processes"]
    assert found["attaching"] is None
    assert "not permitted" in found["unknown"]["attaching"]
    assert sum(len(plane["sites"]) for plane in found["planes"]) == SITES
    assert {site["other_trap"] for plane in found["planes"] for site in plane["sites"]} == {False}
    assert ("hits" in found["unknown"]) == (paranoid > 2)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([4194303], "there is no running process 4194303"),
        ([4194302, 4194303], "there is no plan for any of these 2 processes: "),
        (["--exe", "*/no/such/thing"], "no Go process runs that --exe */no/such/thing means"),
        (["--file", "/no/such/thing"], "/no/such/thing"),
        ([4711, "--file", "/bin/true"], "both --file /bin/true and processes were given"),
        ([], "no process was named"),
    ],
)
def test_what_cannot_be_planned_is_one_sentence(arguments: list[str | int], said: str) -> None:
    """Exit status 2, and nothing on standard output."""
    done = otelchan("plan", *arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"otelchan: [^\n]+\n", done.stderr)
    assert said in done.stderr


def test_a_program_that_is_not_go_is_refused_by_name() -> None:
    """As every command does it."""
    with not_go() as program:
        done = otelchan("plan", program.pid)

    assert done.returncode == 2
    assert f"pid {program.pid}: {Path(sys.executable).resolve()} is not a Go executable" in done.stderr
