"""The real agent beside a load program: what it takes of memory and processor, in each way it can be run."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import NamedTuple

from benchmarks.program import Program, program
from benchmarks.rounds import Progress
from otelchan import clock
from otelchan.errors import KernelError
from otelchan.kernel.session import Session
from tests.support.agent import OTELCHAN, Agent, clean_environment
from tests.support.grpc_server import grpc_server
from tests.support.otlp_server import otlp_server
from tests.support.usage import processor_seconds

PACE = 1_000  # elements a second through a buffer, and as many handed over
INTERVAL_S = 10  # of the agent, its default


class Setting(NamedTuple):
    """A way of running the agent. protocol: of OTLP."""

    name: str
    backend: str
    protocol: str


SETTINGS = (
    Setting("libbpf, HTTP", "libbpf", "http/protobuf"),
    Setting("libbpf, gRPC", "libbpf", "grpc"),
    Setting("BCC, HTTP", "bcc", "http/protobuf"),
)


class AgentCost(NamedTuple):
    """Of an agent that watches one program. load: "idle" or "paced". Memory in bytes, after some exports; peak: of
    VmRSS; pss: its share of what processes have in common counted once. core: of one processor.
    """

    setting: str
    load: str
    rss: int
    peak: int
    pss: int
    core: float
    seconds: float


def agent_costs(seconds: float, say: Progress) -> list[AgentCost]:
    """All settings that this machine has, each beside a program that waits and one that works, all at the same time.

    seconds: over which processor time is taken; memory is read afterwards.
    """
    settings = [setting for setting in SETTINGS if _possible(setting, say)]
    with ExitStack() as undo:
        folder = Path(undo.enter_context(TemporaryDirectory()))
        urls = {
            "http/protobuf": undo.enter_context(otlp_server()).url,
            "grpc": undo.enter_context(grpc_server()).url,
        }
        running = []
        for setting in settings:
            for load in ("idle", "paced"):
                say(f"agent: {setting.name}, {load} program")
                target = undo.enter_context(program())
                if load == "paced":
                    target.run("pace", PACE)
                log = folder / f"{setting.name} {load}"
                running.append((setting, load, undo.enter_context(watching(target, setting, urls, log))))
        for _, _, agent in running:
            agent.wait_attached()
        say(f"agent: {len(running)} of them for {seconds:.0f} s")
        Event().wait(INTERVAL_S / 2)
        start = clock.monotonic_ns()
        before = [processor_seconds(agent.pid) for _, _, agent in running]
        Event().wait(seconds)
        elapsed = (clock.monotonic_ns() - start) / 1e9
        return [
            _cost(setting, load, agent, (processor_seconds(agent.pid) - used) / elapsed, elapsed)
            for (setting, load, agent), used in zip(running, before, strict=True)
        ]


@contextmanager
def watching(target: Program, setting: Setting, urls: dict[str, str], log: Path) -> Iterator[Agent]:
    """`otelchan run` on a load program, until the end of the block, where it must still be running."""
    environment = {
        "OTELCHAN_BACKEND": setting.backend,
        "OTEL_EXPORTER_OTLP_PROTOCOL": setting.protocol,
        "OTEL_EXPORTER_OTLP_ENDPOINT": urls[setting.protocol],
    }
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [str(OTELCHAN), "run", str(target.pid)], stderr=stderr, text=True, env=clean_environment(environment)
        )
    try:
        yield Agent(process, log)
        assert process.poll() is None, f"otelchan ended:\n{log.read_text()}"
    finally:
        process.kill()
        process.wait()


def _possible(setting: Setting, say: Progress) -> bool:
    try:
        Session(backend=setting.backend).close()
    except KernelError as error:
        say(f"agent: not with {setting.name}: {error}")
        return False
    return True


def _cost(setting: Setting, load: str, agent: Agent, core: float, seconds: float) -> AgentCost:
    assert agent.process.poll() is None, f"{setting.name}, {load}: otelchan ended:\n{agent.log}"
    status = kilobytes(Path(f"/proc/{agent.pid}/status").read_text())
    share = kilobytes(Path(f"/proc/{agent.pid}/smaps_rollup").read_text())
    return AgentCost(setting.name, load, status["VmRSS"], status["VmHWM"], share["Pss"], core, seconds)


def kilobytes(text: str) -> dict[str, int]:
    """The fields of a file in /proc that are given in "kB", which are 1,024 bytes; in bytes."""
    lines = (line.split() for line in text.splitlines())
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in lines if words[-1:] == ["kB"]}
