"""What a Collector with each shipped configuration costs: `make bench-collectors`. Root, and what `make stack` builds.

What otelchan lets through by default at most, 10,000 time series every 10 s and 500 spans a second of five programs,
goes through each configuration to the real back ends. Reported is the Collector's processor time as a share of one
core, and the most memory that it has occupied, also when nobody takes what it sends and its queues are full. The node
agent knows 110 pods, the most that Kubernetes puts on a node by default.
"""

from __future__ import annotations

import re
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import NamedTuple

from benchmarks.export import INTERVAL_S, moved_on, programs
from benchmarks.machine import describe
from otelchan.config import Config, Otlp
from otelchan.findings.types import Assessment
from otelchan.model.types import Snapshot
from otelchan.telemetry import Telemetry
from tests.support.certificates import make
from tests.support.collector_readme import rules, variables
from tests.support.kubernetes import kubernetes, pod
from tests.support.programs import free_ports
from tests.support.stack import Collector, Stack, run_collector, stack
from tests.support.usage import memory_mib, processor_seconds

ROUNDS = 4
MOST_ROUNDS = 120
NODE = "node-7"
PODS = 110
FILES = ("sidecar.yaml", "agent.yaml", "standalone.yaml", "gateway.yaml")


class Cost(NamedTuple):
    """idle_mib, most_mib: memory when it has just started and at most. core: of one processor."""

    idle_mib: float
    most_mib: float
    core: float


def limit(name: str) -> str:
    """GOMEMLIMIT as the README says: four fifths of the limiter's."""
    return f"{int(variables(name)['OTELCHAN_COLLECTOR_MEMORY_MIB']) * 4 // 5}MiB"


def gateway_env(back_ends: Stack, folder: Path) -> dict[str, str]:
    """The gateway's variables: no TLS, a folder for its queues."""
    return {
        "PROMETHEUS_OTLP_ENDPOINT": back_ends.prometheus.otlp,
        "TEMPO_OTLP_ENDPOINT": back_ends.jaeger.grpc,
        "OTELCHAN_GATEWAY_STORAGE": str(folder / "queues"),
        "GOMEMLIMIT": limit("gateway.yaml"),
    }


@contextmanager
def running(name: str, back_ends: Stack, folder: Path, uids: Sequence[str], away: bool) -> Iterator[Collector]:
    """The Collector with that file. away: nobody takes what it sends."""
    (nobody,) = free_ports(1)
    env, inside = gateway_env(back_ends, folder), []
    env["GOMEMLIMIT"] = limit(name)
    with ExitStack() as opened:
        if name in ("sidecar.yaml", "agent.yaml"):
            env["OTELCHAN_GATEWAY_INSECURE"] = "true"
            if not away:
                gateway = run_collector(folder, "gateway.yaml", gateway_env(back_ends, folder), name="gateway")
                env["OTELCHAN_GATEWAY_ENDPOINT"] = opened.enter_context(gateway).grpc
        if away:
            env["OTELCHAN_GATEWAY_ENDPOINT"] = env["TEMPO_OTLP_ENDPOINT"] = f"127.0.0.1:{nobody}"
            env["PROMETHEUS_OTLP_ENDPOINT"] = f"http://127.0.0.1:{nobody}"
        if name == "agent.yaml":
            pods = [pod(f"shop-{n}", uid, {"main": uuid.uuid4().hex * 2}, node=NODE) for n, uid in enumerate(uids)]
            cluster = opened.enter_context(kubernetes(folder, make(folder), pods, rules()))
            env, inside = {**env, **cluster.env(NODE)}, cluster.inside()
        yield opened.enter_context(run_collector(folder, name, env, inside=inside))


def feed(entry: Collector, now: list[Snapshot]) -> Cost:
    """Every 10 s what five programs send in 10 s; the first round, which fills caches, is not counted."""
    telemetry = Telemetry(Config(otlp=Otlp(endpoint=entry.http)))
    made, before = Random(1), 0.0
    idle = memory_mib(entry.pid, "VmRSS")
    for number in range(ROUNDS + 1):
        if number == 1:
            before = processor_seconds(entry.pid)
        began = time.monotonic()
        now = send(telemetry, now, made)
        time.sleep(max(0.0, began + INTERVAL_S - time.monotonic()))
    core = (processor_seconds(entry.pid) - before) / (ROUNDS * INTERVAL_S)
    most = memory_mib(entry.pid)
    telemetry.close()
    return Cost(idle, most, core)


def fill(entry: Collector, now: list[Snapshot], items: Sequence[str]) -> float:
    """The same as fast as it is taken, until such items are refused; the most memory until then, MiB."""
    telemetry = Telemetry(Config(otlp=Otlp(endpoint=entry.http)))
    made = Random(1)
    for _ in range(MOST_ROUNDS):
        now = send(telemetry, now, made)
        time.sleep(1)
        if all(refused(entry, each) for each in items):
            break
    else:
        print(f"not full after {MOST_ROUNDS} rounds")
    most = memory_mib(entry.pid)
    telemetry.close()
    return most


def send(telemetry: Telemetry, now: list[Snapshot], made: Random) -> list[Snapshot]:
    """One interval's worth; the programs as they are after it."""
    now = [moved_on(snapshot, made) for snapshot in now]
    for snapshot in now:
        telemetry.publish(snapshot, Assessment())
    telemetry.flush()
    return now


def refused(entry: Collector, items: str) -> bool:
    """Whether it has refused any because a queue was full or memory short."""
    row = re.compile(rf"^otelcol_receiver_refused_{items}\{{[^}}]*\}} (\S+)$", re.MULTILINE)
    return any(float(count) > 0 for count in row.findall(entry.own_metrics()))


def main() -> None:
    """Prints the rows of the table in collector-config/README.md."""
    machine = describe()
    print(f"{machine['processor']}, {machine['processors']} processors")
    now = programs()
    uids = [str(uuid.uuid4()) for _ in range(PODS)]
    now = [
        replace(snapshot, process=replace(snapshot.process, pod_uid=uid))
        for snapshot, uid in zip(now, uids, strict=False)
    ]
    with tempfile.TemporaryDirectory() as folder, stack(Path(folder)) as back_ends:
        for name in FILES:
            usual, away = Path(folder) / name, Path(folder) / f"{name}-away"
            usual.mkdir()
            away.mkdir()
            with running(name, back_ends, usual, uids, away=False) as entry:
                cost = feed(entry, now)
            with running(name, back_ends, away, uids, away=True) as entry:
                # of these spans the gateway keeps so few that their queue does not fill
                full = fill(entry, now, ("metric_points", "spans")[: 1 if name == "gateway.yaml" else 2])
            print(
                f"| `{name}` | {cost.idle_mib:.0f} MiB | {cost.most_mib:.0f} MiB | {full:.0f} MiB | {cost.core:.1%} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
