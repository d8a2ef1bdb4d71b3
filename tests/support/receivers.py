"""One Collector that takes OTLP in every way, demands a header, and writes what it took to a file."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tests.support.certificates import Certificates, make
from tests.support.programs import free_ports, running
from tests.support.stack import binary

HEADER = "x-case"  # without it everything is dropped; its value comes out as a resource attribute of that name
HTTP, GRPC = "http/protobuf", "grpc"
WAYS = ("plain", "tls", "mutual")


class Signals(NamedTuple):
    """Names of metrics and of spans that have arrived."""

    metrics: set[str]
    spans: set[str]


@dataclass(frozen=True)
class Receivers:
    """ports: by way and protocol. took: the file."""

    ports: dict[tuple[str, str], int]
    pki: Certificates
    took: Path
    pid: int

    def endpoint(self, way: str, protocol: str) -> str:
        """The base endpoint."""
        return f"{'http' if way == 'plain' else 'https'}://127.0.0.1:{self.ports[way, protocol]}"

    def arrived(self, case: str) -> Signals:
        """What has come with that value in the header."""
        found = Signals(set(), set())
        for line in self.took.read_text().splitlines():
            with contextlib.suppress(json.JSONDecodeError):  # the last line may be half written
                _add(json.loads(line), case, found)
        return found


def _add(document: dict[str, Any], case: str, found: Signals) -> None:
    for resource in document.get("resourceMetrics", []):
        if _is_of(resource, case):
            found.metrics.update(m["name"] for scope in resource["scopeMetrics"] for m in scope["metrics"])
    for resource in document.get("resourceSpans", []):
        if _is_of(resource, case):
            found.spans.update(s["name"] for scope in resource["scopeSpans"] for s in scope["spans"])


def _is_of(resource: dict[str, Any], case: str) -> bool:
    return any(a["key"] == HEADER and a["value"].get("stringValue") == case for a in resource["resource"]["attributes"])


def _configuration(ports: dict[tuple[str, str], int], pki: Certificates, took: Path, health: int) -> dict[str, Any]:
    tls = {"cert_file": pki.server, "key_file": pki.server_key}
    ways = {"plain": {}, "tls": {"tls": tls}, "mutual": {"tls": {**tls, "client_ca_file": pki.ca}}}
    receivers = {}
    for way, more in ways.items():
        protocols = {
            name: {"endpoint": f"127.0.0.1:{ports[way, protocol]}", "include_metadata": True, **more}
            for name, protocol in (("http", HTTP), ("grpc", GRPC))
        }
        protocols["http"]["compression_algorithms"] = ["gzip"]  # what comes without is refused
        receivers[f"otlp/{way}"] = {"protocols": protocols}
    nameless = [f'resource.attributes["{HEADER}"] == nil']
    value = f'otelcol.client.metadata["{HEADER}"]'
    mark = [{"context": "resource", "statements": [f'set(attributes["{HEADER}"], {value}[0]) where {value} != nil']}]
    pipeline = {"receivers": list(receivers), "processors": ["transform", "filter"], "exporters": ["file"]}
    return {
        "receivers": receivers,
        "processors": {
            "filter": {"error_mode": "propagate", "metric_conditions": nameless, "trace_conditions": nameless},
            "transform": {"error_mode": "propagate", "metric_statements": mark, "trace_statements": mark},
        },
        "exporters": {"file": {"path": str(took), "flush_interval": "100ms"}},
        "extensions": {"health_check": {"endpoint": f"127.0.0.1:{health}"}},
        "service": {
            "extensions": ["health_check"],
            "pipelines": {"metrics": pipeline, "traces": pipeline},
            "telemetry": {"metrics": {"level": "none"}},
        },
    }


@contextlib.contextmanager
def receivers(folder: Path) -> Iterator[Receivers]:
    """The Collector, running, with certificates of a private authority."""
    health, *free = free_ports(1 + 2 * len(WAYS))
    ports = dict(zip([(way, protocol) for way in WAYS for protocol in (HTTP, GRPC)], free, strict=True))
    pki, took, config = make(folder), folder / "took.jsonl", folder / "receivers.yaml"
    config.write_text(yaml.safe_dump(_configuration(ports, pki, took, health)))
    command: list[str | Path] = [binary("otelcol"), "--config", config]
    with running(command, folder / "receivers.log", f"http://127.0.0.1:{health}/") as program:
        yield Receivers(ports, pki, took, program.pid)
