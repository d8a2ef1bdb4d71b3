"""`otelchan plan --trial` counts what samples estimate, keeps to the budget meanwhile, and leaves nothing behind."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from otelchan.gobinary.image import analyse
from otelchan.gobinary.types import GoImage
from otelchan.kernel.links import Attach
from tests.support.agent import OTELCHAN, agent, clean_environment, otelchan
from tests.support.hammer import hammer
from tests.support.paced import paced

TRAP = b"\xcc"


def tried(pid: int, *arguments: str) -> dict[str, Any]:
    """What the plan says of a program."""
    done = otelchan("plan", pid, "--sample", "0", *arguments, "--json")
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    (found,) = json.loads(done.stdout)["processes"]
    return dict(found)


def trials(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By plane."""
    return {plane["plane"]: plane["trial"] for plane in found["planes"]}


def traps(pid: int, image: GoImage) -> list[str]:
    """Functions with a trap at a site, read from the program's memory."""
    with Path(f"/proc/{pid}/mem").open("rb") as memory:
        found = []
        for site in image.sites:
            memory.seek(site.address)
            if memory.read(1) == TRAP:
                found.append(site.function)
        return found


@pytest.mark.parametrize("way", list(Attach))
def test_a_trial_counts_what_the_program_does(workload: Callable[..., Path], way: Attach) -> None:
    """As many sends and receives through a buffer, and as many hand-overs, as the program says that it does, per
    second of its own count; what it never does is none; and no trap is left."""
    binary = workload("paced", go="1.27.3")
    with paced(binary) as program:
        program.ask("pace 20 5")
        time.sleep(0.3)
        before = program.count()
        found = trials(tried(program.pid, "--trial", "400ms", "--attach", way, "--max-overhead", "50"))
        after = program.count()
        left = traps(program.pid, analyse(binary))

    seconds = (after.time_ns - before.time_ns) / 1e9
    buffered, handovers = ((after[n] - before[n]) / seconds for n in (0, 1))
    operations, waits, polls = (found[plane]["hits_per_second"]["likely"] for plane in ("operations", "waits", "polls"))
    assert operations == pytest.approx(2 * buffered, rel=0.4)  # its pace is not that of the trial alone
    assert handovers < waits < 4 * handovers + 4000  # some park on one side, some on both, and the timer wakes it
    assert found["makes"]["hits"] == 0
    assert polls < 2000  # those of its timer
    assert not left
    for one in found.values():
        assert one["traps_out"]
        assert not one["stopped"]
        assert one["watched_ns"] >= 400_000_000
        assert one["attached_ns"] > one["watched_ns"]


def test_a_trial_that_costs_too_much_is_stopped(workload: Callable[..., Path]) -> None:
    """A loop that does nothing but sends and receives: the trial of that plane ends long before its time, having cost
    little more than what the budget allows in a second, and the verdict is certain."""
    binary = workload("hammer", go="1.27.3")
    with hammer(binary) as program:
        program.ask("run")
        found = tried(program.pid, "--trial=2s", "--max-overhead", "3")
        left = traps(program.pid, analyse(binary))

    operations = trials(found)["operations"]
    outlooks = {plane["plane"]: plane["outlook"] for plane in found["planes"]}
    assert operations["stopped"]
    assert operations["watched_ns"] < 1_000_000_000
    assert 30_000_000 < operations["cost_ns"] < 500_000_000  # its processor's time while the traps were still in, too
    assert operations["core_percent"]["low"] > 3
    assert (outlooks["operations"], outlooks["makes"]) == ("exceeds", "fits")
    assert not left


def test_nothing_is_left_of_a_trial_that_is_killed(workload: Callable[..., Path]) -> None:
    """Traps are seen while it lasts, and are gone soon after the trial's process is killed."""
    binary = workload("paced", go="1.27.3")
    image = analyse(binary)
    with paced(binary) as program:
        plan = subprocess.Popen(
            [OTELCHAN, "plan", str(program.pid), "--sample", "0", "--trial", "10s"],
            stdout=subprocess.DEVNULL,
            env=clean_environment(),
        )
        during = _until(lambda: traps(program.pid, image), 20.0)
        plan.send_signal(signal.SIGKILL)
        plan.wait()
        gone = _until(lambda: not traps(program.pid, image), 5.0)

    assert during
    assert gone


def test_a_trial_that_is_interrupted_ends_without_a_trace(workload: Callable[..., Path]) -> None:
    """Ctrl-C: every trap is out when the command is over, and it says so in no more than a line."""
    binary = workload("paced", go="1.27.3")
    image = analyse(binary)
    with paced(binary) as program:
        plan = subprocess.Popen(
            [OTELCHAN, "plan", str(program.pid), "--sample", "0", "--trial", "10s"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=clean_environment(),
        )
        during = _until(lambda: traps(program.pid, image), 20.0)
        plan.send_signal(signal.SIGINT)
        _, said = plan.communicate(timeout=20)
        left = traps(program.pid, image)

    assert during
    assert (plan.returncode, left) == (130, [])
    assert "Traceback" not in said


def test_a_program_that_is_watched_already_is_not_tried(workload: Callable[..., Path], tmp_path: Path) -> None:
    """Two would count each other's cost; the plan is made all the same, and says why."""
    with (
        paced(workload("paced", go="1.27.3")) as program,
        agent(tmp_path / "log", program.pid, "--otlp-file", tmp_path / "out") as other,
    ):
        other.wait_attached()
        found = tried(program.pid, "--trial")

    assert set(trials(found).values()) == {None}
    assert found["unknown"]["trial"].startswith(f"it is already watched by otelchan with process id {other.pid}")


def _until(found: Callable[[], Any], seconds: float) -> Any:
    """What is found, as soon as something is; what it was last when nothing is for so long."""
    end = time.monotonic() + seconds
    while not (what := found()) and time.monotonic() < end:
        time.sleep(0.005)
    return what
