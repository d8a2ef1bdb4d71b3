"""otelchan killed at any moment, on the workload `sure`, which checks every message that it passes."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from otelchan.gobinary.image import analyse
from otelchan.plan.planner import make_plan
from tests.support.agent import OTELCHAN, Agent, clean_environment
from tests.support.driven import Driven

CONFIG = "otlp:\n  enabled: false\notlp_file: {}\n"
TRAP = b"\xcc"
LONGEST_S, MOST_TO_END_S = 20.0, 60.0
LATEST_S = 4.0
"""When it has attached everything and looked at the program a few times."""


class Sure(Driven):
    """A running sure."""

    def count(self) -> tuple[int, str]:
        """How many messages have arrived, and "ok", or the first thing that was wrong."""
        return _read(self.ask("count"))

    def end(self) -> tuple[int, str]:
        """The same when all has arrived, and nothing is sent any more."""
        return _read(self.ask("end"))


class Ended(NamedTuple):
    """One otelchan that was ended. attached: traps in the program just before. gone_s: from the signal to the last trap
    that was seen; None: some stayed for 20 s after its end. arrived: messages since it was started. verdict: of the
    program, after it."""

    attached: int
    gone_s: float | None
    arrived: int
    verdict: str


def sites_of(binary: Path) -> list[int]:
    """Where probes go in it."""
    plan = make_plan(analyse(binary), 0, "")
    return [planned.site.address for sites in plan.planes.values() for planned in sites]


def cycle(
    program: Sure,
    sites: Sequence[int],
    folder: Path,
    how: signal.Signals,
    attach: str,
    at: random.Random,
    settled: bool = False,
) -> Ended:
    """Start otelchan on the program, end it after a random time, and look. settled: not before all is attached, which
    also has the executable analysed and known the next time."""
    config, before = folder / "config.yaml", program.count()[0]
    config.write_text(CONFIG.format(folder / "written.jsonl"), encoding="utf-8")
    options = ("--interval", "0.5", "--max-overhead", "off", "--attach", attach, "--config", str(config))
    with (
        (folder / "otelchan.log").open("w") as log,
        subprocess.Popen(
            [str(OTELCHAN), "run", str(program.pid), *options], stderr=log, text=True, env=clean_environment()
        ) as otelchan,
    ):
        if settled:
            Agent(otelchan, folder / "otelchan.log").wait_attached()
        time.sleep(at.uniform(0.1, LATEST_S))
        attached = traps(program.pid, sites)
        otelchan.send_signal(how)
        gone_s = _time_until_gone(program.pid, sites, otelchan)
    arrived, verdict = program.count()
    return Ended(attached, gone_s, arrived - before, verdict)


def traps(pid: int, sites: Sequence[int]) -> int:
    """How many of the sites have a trap in the program's memory."""
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        found = 0
        for address in sites:
            memory.seek(address)
            found += memory.read(1) == TRAP
        return found


def _time_until_gone(pid: int, sites: Sequence[int], otelchan: subprocess.Popen[str]) -> float | None:
    """What is killed may still be attaching: so until it has ended, and there is none after it."""
    begin = last = time.monotonic()
    ended = None
    while True:
        gone = otelchan.poll() is not None  # before the look
        if traps(pid, sites):
            last = time.monotonic()
        elif gone:
            return last - begin
        if gone:
            ended = ended or time.monotonic()
            if time.monotonic() - ended > LONGEST_S:
                return None
        assert time.monotonic() - begin < MOST_TO_END_S, "otelchan does not end"
        time.sleep(0.001)


def _read(line: str) -> tuple[int, str]:
    number, _, verdict = line.partition(" ")
    return int(number), verdict
