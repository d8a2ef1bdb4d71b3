"""The Resource of an observed process: who a metric point or a span is about."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from otelchan import __version__
from otelchan.target.types import Process
from otelchan.telemetry.encode import key_values

# The namespace that the semantic conventions give for a service.instance.id of version 5.
INSTANCE_NAMESPACE = uuid.UUID("4d63009a-8d0f-11ee-aad7-4c796ed8e320")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# What `go run file.go` and `go build file.go` give as the package: says nothing about the service.
_NO_NAME = "command-line-arguments"

RESOURCE_ATTRIBUTES = {
    "service.name": "The user's name for it, else its `OTEL_SERVICE_NAME`, its Go main module, its executable.",
    "service.instance.id": "UUIDv5 of host, boot, container, pid, start time and executable.",
    "process.pid": "Process id, as the agent sees it.",
    "process.creation.time": "When it started, ISO 8601, UTC.",
    "process.executable.name": "File name of the executable.",
    "process.executable.path": "Its path, as the process sees it.",
    "process.runtime.name": "`go`.",
    "process.runtime.version": "Go version that built it.",
    "host.name": "Host name, as the agent sees it.",
    "container.id": "When it runs in a container.",
    "k8s.pod.uid": "When it runs in a Kubernetes pod, and its control group says in which.",
    "telemetry.distro.name": "`otelchan`.",
    "telemetry.distro.version": "Version of the agent.",
}


class Host(NamedTuple):
    """The machine the agent runs on. boot_id: "" when it cannot be read."""

    name: str
    boot_id: str


def read_host() -> Host:
    """Ask the system, once."""
    try:
        boot_id = BOOT_ID.read_text().strip()
    except OSError:
        boot_id = ""
    return Host(socket.gethostname(), boot_id)


def target_attributes(
    process: Process, go_version: str, main_module: str, host: Host, alias: str = ""
) -> Mapping[str, str | int]:
    """What RESOURCE_ATTRIBUTES says, in that order; empty ones left out. alias: the user's name for the service."""
    created = datetime.fromtimestamp(process.created_unix_ns / 1e9, UTC).isoformat(timespec="milliseconds")
    name = PurePosixPath(process.executable).name
    module = "" if main_module == _NO_NAME else main_module
    attributes: dict[str, str | int] = {
        "service.name": alias or process.service_name or module or name,
        "service.instance.id": instance_id(process, host),
        "process.pid": process.pid,
        "process.creation.time": created.replace("+00:00", "Z"),
        "process.executable.name": name,
        "process.executable.path": process.executable,
        "process.runtime.name": "go",
        "process.runtime.version": go_version,
        "host.name": host.name,
        "container.id": process.container_id,
        "k8s.pod.uid": process.pod_uid,
        "telemetry.distro.name": "otelchan",
        "telemetry.distro.version": __version__,
    }
    return {key: value for key, value in attributes.items() if value != ""}


def instance_id(process: Process, host: Host) -> str:
    """The same for every agent that watches this process, and after the agent was restarted.

    Start time in ticks since boot, not Unix time, which moves when the clock is set; the executable, because exec
    makes another program of the same pid and start time.
    """
    parts = (host.name, host.boot_id, process.container_id, process.pid, process.start_ticks, process.executable)
    return str(uuid.uuid5(INSTANCE_NAMESPACE, "\n".join(str(part) for part in parts)))


def resource_message(attributes: Mapping[str, str | int]) -> Resource:
    """The OTLP form."""
    return Resource(attributes=key_values(tuple(attributes.items())))
