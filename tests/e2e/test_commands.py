"""The commands as people and scripts use them: what they print, and their exit status."""

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.agent import agent, otelchan
from tests.support.gobuild import source_line
from tests.support.hammer import hammer
from tests.support.programs import not_go


def test_doctor_says_what_it_would_do_with_a_program(workload: Callable[..., Path]) -> None:
    """A program that can be watched: every check is fine, exit status 0, and nothing was attached to find out."""
    with hammer(workload("hammer", go="1.27.3")) as program:
        done = otelchan("doctor", program.pid, "--json")

    document = json.loads(done.stdout)
    assert done.returncode == 0, done.stdout
    assert document["ready"] is True
    assert {check["status"] for check in document["checks"]} == {"ok"}


def test_doctor_says_what_is_in_the_way() -> None:
    """A program that cannot be watched: the reason in its line, exit status 1."""
    with not_go() as program:
        done = otelchan("doctor", program.pid)

    assert done.returncode == 1
    assert "is not a Go executable" in done.stdout


def test_findings_name_the_line_of_a_leak(workload: Callable[..., Path]) -> None:
    """The leak is found at the line where its channel is made and the line where goroutines are stuck: status 1."""
    program = subprocess.Popen([workload("leaky", go="1.27.3")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        done = otelchan("findings", program.pid, "--duration", 30, "--json")
    finally:
        program.kill()
        program.wait()

    (watched,) = json.loads(done.stdout)["processes"]
    (finding,) = watched["findings"]
    assert done.returncode == 1, done.stderr
    assert finding["id"] == "F1"
    assert finding["made_at"] == f"main.go:{source_line('leaky', 'leak: the channel is made here')}"
    assert finding["site"]["line"] == source_line("leaky", "leak: the goroutines are stuck here")


def test_findings_say_nothing_of_a_healthy_program(workload: Callable[..., Path]) -> None:
    """A program that works hard and leaks nothing: no finding, exit status 0."""
    with hammer(workload("hammer", go="1.27.3")) as program:
        program.ask("run")
        done = otelchan("findings", program.pid, "--duration", 12, "--json")

    (watched,) = json.loads(done.stdout)["processes"]
    assert (done.returncode, watched["findings"]) == (0, [])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_run_ends_well_when_it_is_told_to(
    workload: Callable[..., Path], tmp_path: Path, number: signal.Signals
) -> None:
    """Either signal: what was seen is written, the program is let go, exit status 0."""
    path = tmp_path / "otlp.jsonl"
    with (
        hammer(workload("hammer", go="1.26.8")) as program,
        agent(tmp_path / "log", program.pid, "--interval", 60, "--otlp-file", path) as running,
    ):
        running.wait_attached()
        program.ask("buffered 101")
        running.process.send_signal(number)
        assert running.process.wait(30) == 0
        assert program.ask("buffered 3").isdigit()

    assert '"asInt":"101"' in path.read_text()


def test_run_ends_after_its_duration(workload: Callable[..., Path], tmp_path: Path) -> None:
    """With --duration it needs no signal: exit status 0."""
    with hammer(workload("hammer", go="1.26.8")) as program:
        done = otelchan("run", program.pid, "--duration", 2, "--otlp-file", tmp_path / "out")

    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
