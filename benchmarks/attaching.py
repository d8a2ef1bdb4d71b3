"""How long it takes to put the probes into a program, to take them out, and until they are gone when the agent dies."""

from __future__ import annotations

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.probing import TARGET_ID
from benchmarks.program import Program, program
from benchmarks.rounds import Progress
from benchmarks.stats import Spread, spread
from otelchan import clock
from otelchan.errors import KernelError
from otelchan.gobinary.types import GoImage
from otelchan.kernel.links import Attach
from otelchan.kernel.session import Session
from otelchan.memory.live import LiveReader
from otelchan.plan.planner import make_plan
from otelchan.probes import Probes
from otelchan.target.process import by_pid, load_bias
from tests.support.agent import OTELCHAN, Agent, clean_environment

TIMES = 5
KILLS = 3
TRAP = b"\xcc"


class AttachTime(NamedTuple):
    """Milliseconds for all planes, which are attached one after the other and detached at the same time.

    way: "multi", one link per plane; "perf", one per site. killed: from SIGKILL of the agent until the last trap is
    gone.
    """

    way: str
    sites: int
    links: int
    attach_ms: Spread
    detach_ms: Spread
    killed_ms: Spread


def attach_times(image: GoImage, say: Progress, times: int = TIMES, kills: int = KILLS) -> list[AttachTime]:
    """Of every way that this machine has."""
    found = []
    for way in Attach:
        try:
            session = Session(attach=way.value)
        except KernelError as error:
            say(f"attach, {way.value}: not here: {error}")
            continue
        try:
            say(f"attach and detach, {way.value}")
            found.append(_time(session, image, way, times, kills))
        finally:
            session.close()
    return found


def _time(session: Session, image: GoImage, way: Attach, times: int, kills: int) -> AttachTime:
    attach, detach = [], []
    with program() as running:
        process = by_pid(running.pid)
        plan = make_plan(image, TARGET_ID, process.open_path)
        bias = load_bias(process, image.segments)
        reader = LiveReader(running.pid)
        for _ in range(times):
            probes = Probes(session, process, image, bias, reader, plan)
            start = clock.monotonic_ns()
            for plane in plan.planes:
                assert probes.attach(plane), f"the {plane} plane is not in the program"
            between = clock.monotonic_ns()
            probes.detach_all()
            attach.append((between - start) / 1e6)
            detach.append((clock.monotonic_ns() - between) / 1e6)
        code = [(planned.site.address + bias, 1) for sites in plan.planes.values() for planned in sites]
        killed = [_kill(running, reader, code, way) for _ in range(kills)]
    links = len(plan.planes) if way is Attach.MULTI else len(code)
    return AttachTime(way.value, len(code), links, spread(attach), spread(detach), spread(killed))


def _kill(running: Program, reader: LiveReader, code: list[tuple[int, int]], way: Attach) -> float:
    """Milliseconds from the SIGKILL of a real agent until no trap is left at the first bytes of the sites."""
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        command = [
            str(OTELCHAN),
            "run",
            str(running.pid),
            "--attach",
            way.value,
            "--otlp-file",
            str(Path(folder) / "otlp"),
        ]
        with log.open("w") as stderr:
            process = subprocess.Popen(command, stderr=stderr, text=True, env=clean_environment())
        try:
            Agent(process, log).wait_attached()
            assert reader.read_many(code) == [TRAP] * len(code)
        finally:
            start = clock.monotonic_ns()
            process.kill()
        while TRAP in reader.read_many(code):
            pass
        taken = (clock.monotonic_ns() - start) / 1e6
        process.wait()
    return taken
