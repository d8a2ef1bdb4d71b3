"""The two forms in which otelchan runs in containers, as pods of runc: applications, the real Collector with a shipped
configuration, and what comes out of it.

The Collector's exporters are files, because what a gateway does with the data is shown elsewhere; receivers, processors
and their order are those of the configuration. Everything is found by names that are this run's alone.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.support import eventually
from tests.support.kubernetes import ACCOUNT
from tests.support.programs import free_ports
from tests.support.runc import CAPABILITIES, Container, Image, Mount, container
from tests.support.stack import CONFIGS, binary

LOCKS = Mount(None, "/run/otelchan")
WRITABLE = (LOCKS, Mount(None, "/var/cache/otelchan"), Mount(None, "/var/lib/otelchan"), Mount(None, "/tmp"))
"""The folders that the chart's container may write."""
MEMORY = 256 << 20
"""Bytes: half of what the chart gives, so that it is enough with room."""
_CONTROL = Path("/sys/fs/cgroup")
_PEAKS = ("memory.peak", "memory.max_usage_in_bytes")  # control groups v2 (Linux 5.19) and v1
Attributes = dict[str, Any]


def application(folder: Path, program: Path, name: str, uid: int) -> Image:
    """An image with nothing but a static program, /app/NAME, which only its user may read and run."""
    root = folder / f"image-of-{name}"
    (root / "app").mkdir(parents=True)
    own = Path(shutil.copy2(program, root / "app" / name))
    shutil.chown(own, uid, uid)
    own.chmod(0o700)
    return Image(root, {"Entrypoint": [f"/app/{name}"]})


@dataclass(frozen=True)
class Received:
    """What a Collector has written down."""

    endpoint: str
    folder: Path
    container: Container

    def points(self, metric: str) -> list[tuple[Attributes, Attributes, Attributes]]:
        """(attributes of the Resource, attributes of the point, the point) in the order in which they came."""
        return [
            (resource, attributes(point), point)
            for resource, one in self._of("metrics", "resourceMetrics", "scopeMetrics", "metrics")
            if one["name"] == metric
            for kind in ("gauge", "sum", "histogram")
            for point in one.get(kind, {}).get("dataPoints", [])
            if not point.get("flags")  # the end of a series
        ]

    def spans(self, name: str) -> list[tuple[Attributes, Attributes]]:
        """(attributes of the Resource, attributes of the span) of all spans of that name."""
        found = self._of("traces", "resourceSpans", "scopeSpans", "spans")
        return [(resource, attributes(span)) for resource, span in found if span["name"] == name]

    def _of(self, file: str, resources: str, scopes: str, things: str) -> Iterator[tuple[Attributes, Attributes]]:
        path = self.folder / f"{file}.jsonl"
        for line in path.read_text().splitlines(keepends=True) if path.exists() else []:
            for of in json.loads(line)[resources] if line.endswith("\n") else []:
                for scope in of[scopes]:
                    for thing in scope[things]:
                        yield attributes(of["resource"]), thing


def attributes(of: Mapping[str, Any]) -> Attributes:
    """Of a Resource, a point or a span in OTLP's JSON; 64-bit integers are texts there."""
    return {each["key"]: next(iter(each["value"].values()), None) for each in of.get("attributes", [])}


@contextlib.contextmanager
def collecting(
    folder: Path,
    config: str,
    env: Mapping[str, str] | None = None,
    pid: Literal["new"] | Path = "new",
    account: Path | None = None,
) -> Iterator[Received]:
    """The real Collector in a container, with a shipped configuration. account: files of a Kubernetes account."""
    root, out = folder / "image-of-collector", folder / "collected"
    (root / "etc").mkdir(parents=True)
    out.mkdir()
    http, grpc, health, metrics = free_ports(4)
    listens = {
        "OTELCHAN_COLLECTOR_HTTP": f"127.0.0.1:{http}",
        "OTELCHAN_COLLECTOR_GRPC": f"127.0.0.1:{grpc}",
        "OTELCHAN_COLLECTOR_HEALTH": f"127.0.0.1:{health}",
        "OTELCHAN_COLLECTOR_METRICS_PORT": str(metrics),
    }
    arguments = ["--config=/etc/otelcol.yaml"]
    for kind in ("metrics", "traces"):
        arguments += [f"--config=yaml:exporters::file/{kind}::path: /out/{kind}.jsonl"]
        arguments += [f"--config=yaml:service::pipelines::{kind}::exporters: [file/{kind}]"]
    mounts = [Mount(binary("otelcol"), "/otelcol"), Mount(CONFIGS / config, "/etc/otelcol.yaml")]
    mounts += [Mount(out, "/out", writable=True)]
    mounts += [Mount(account, f"/var{ACCOUNT}")] if account else []
    image = Image(root, {"Entrypoint": ["/otelcol"]})
    with container(image, *arguments, mounts=mounts, pid=pid, env={**listens, **(env or {})}) as running:
        eventually(lambda: "Everything is ready" in running.errors or not running.running, 60)
        assert running.running, running.errors
        yield Received(f"http://127.0.0.1:{http}", out, running)


@contextlib.contextmanager
def watching(
    image: Image,
    *arguments: str,
    pid: Literal["host"] | Path,
    env: Mapping[str, str] | None = None,
    mounts: Sequence[Mount] = WRITABLE,
    memory: int = MEMORY,
    cgroup: str = "",
) -> Iterator[Container]:
    """`otelchan run` in a container as the chart starts it: read-only root, four capabilities, containerd's seccomp
    profile, a limit of memory. It must have ended well when the block is left."""
    given: dict[str, Any] = {"caps": CAPABILITIES, "mounts": mounts, "pid": pid, "env": env, "memory": memory}
    with container(image, "run", "--interval", "1", *arguments, **given, cgroup=cgroup) as running:
        yield running
        if running.running:
            running.signal(signal.SIGTERM)
        assert running.wait(30) == 0, running.errors


def attached(running: Container, name: str, count: int = 1) -> None:
    """Until every plane is in the last of so many programs of that name."""

    def done() -> bool:
        assert running.running, running.errors
        pids = re.findall(rf"watching pid (\d+) \(/app/{re.escape(name)},", running.errors)
        return len(pids) >= count and f"pid {pids[-1]}: all planes are attached" in running.errors

    eventually(done, 60)


LEAK = "main.askPrice main.go:84"
"""The channel that the workload `leaky` leaves goroutines on."""


def leak(received: Received, since: float = 0, pid: str = "") -> Attributes:
    """The Resource of whoever leaks as `leaky` does, when both its metric and its finding have come. since: Unix time
    before which it does not count. pid: as it is told, "": of anybody."""
    leaking = [
        (resource, point)
        for resource, of, point in received.points("goroutine.leak.suspected")
        if of["channel.name"] == LEAK
        and int(point["timeUnixNano"]) > since * 1e9
        and pid in ("", resource["process.pid"])
    ]
    assert leaking, received.container.errors[-2000:]
    resource, point = leaking[-1]
    assert int(point["asInt"]) > 5
    findings = [
        of
        for whose, of in received.spans("finding F1")
        if whose["service.instance.id"] == resource["service.instance.id"]
    ]
    assert [LEAK] == list(dict.fromkeys(of["channel.name"] for of in findings)), findings
    assert "are stuck sending, each on its own channel" in findings[-1]["finding.sentence"]
    return resource


def peak(cgroup: str) -> int:
    """The most memory that a group ever had, bytes, pages of files and maps of the kernel included."""
    for top in (_CONTROL, _CONTROL / "memory", _CONTROL / "unified"):
        for name in _PEAKS:
            path = top / cgroup.lstrip("/") / name
            if path.exists():
                return int(path.read_text())
    raise AssertionError(f"no file says how much memory {cgroup} had")
