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
from otelchan.config.kubernetes import Downward
from otelchan.target.types import Process
from otelchan.telemetry.encode import key_values

# The namespace that the semantic conventions give for a service.instance.id of version 5.
INSTANCE_NAMESPACE = uuid.UUID("4d63009a-8d0f-11ee-aad7-4c796ed8e320")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# What `go run file.go` and `go build file.go` give as the package: says nothing about the service.
_NO_NAME = "command-line-arguments"

RESOURCE_ATTRIBUTES = {
    "service.name": "The user's name for it, else its `OTEL_SERVICE_NAME`, `service.name` of its "
    "`OTEL_RESOURCE_ATTRIBUTES`, its Go main module, its executable.",
    "service.namespace": "When its `OTEL_RESOURCE_ATTRIBUTES` says it.",
    "service.version": "The same.",
    "service.instance.id": "UUIDv5 of host, boot, container, pid, start time and executable.",
    "process.pid": "Process id, as the agent sees it.",
    "process.creation.time": "When it started, ISO 8601, UTC.",
    "process.executable.name": "File name of the executable.",
    "process.executable.path": "Its path, as the process sees it.",
    "process.runtime.name": "`go`.",
    "process.runtime.version": "Go version that built it.",
    "deployment.environment.name": "When its `OTEL_RESOURCE_ATTRIBUTES` says it.",
    "host.name": "Host name, as the agent sees it; the node's when the agent has `K8S_NODE_NAME`.",
    "container.id": "When it runs in a container.",
    "k8s.cluster.name": "When its `OTEL_RESOURCE_ATTRIBUTES` says it.",
    "k8s.node.name": "The agent's `K8S_NODE_NAME`, else what its `OTEL_RESOURCE_ATTRIBUTES` says.",
    "k8s.namespace.name": "Of its pod: from kubelet's folders on the node, else from its `OTEL_RESOURCE_ATTRIBUTES`.",
    "k8s.pod.name": "The same.",
    "k8s.pod.uid": "When it runs in a Kubernetes pod, and its control group or its mounts say in which.",
    "k8s.container.name": "Of the container in its pod: from its mounts, else from its `OTEL_RESOURCE_ATTRIBUTES`.",
    "k8s.deployment.name": "When its `OTEL_RESOURCE_ATTRIBUTES` says it, as the OpenTelemetry operator writes it.",
    "k8s.replicaset.name": "The same.",
    "k8s.statefulset.name": "The same.",
    "k8s.daemonset.name": "The same.",
    "k8s.job.name": "The same.",
    "k8s.cronjob.name": "The same.",
    "telemetry.distro.name": "`otelchan`.",
    "telemetry.distro.version": "Version of the agent.",
}


class Host(NamedTuple):
    """The machine the agent runs on. boot_id: "" when it cannot be read. own: what Kubernetes told the agent."""

    name: str
    boot_id: str
    own: Downward = Downward()


def read_host(own: Downward) -> Host:
    """Ask the system, once. A pod's host name is another one after each rollout, and a node's stays."""
    try:
        boot_id = BOOT_ID.read_text().strip()
    except OSError:
        boot_id = ""
    return Host(own.node or socket.gethostname(), boot_id, own)


def target_attributes(
    process: Process, go_version: str, main_module: str, host: Host, alias: str = ""
) -> Mapping[str, str | int]:
    """What RESOURCE_ATTRIBUTES says, in that order; empty ones left out. alias: the user's name for the service."""
    created = datetime.fromtimestamp(process.created_unix_ns / 1e9, UTC).isoformat(timespec="milliseconds")
    name = PurePosixPath(process.executable).name
    module = "" if main_module == _NO_NAME else main_module
    known: dict[str, str | int] = {
        **dict(process.attributes),
        **_of_kubernetes(process, host.own),
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
        "telemetry.distro.name": "otelchan",
        "telemetry.distro.version": __version__,
    }
    return {key: known[key] for key in RESOURCE_ATTRIBUTES if known.get(key, "") != ""}


def _of_kubernetes(process: Process, own: Downward) -> dict[str, str]:
    """What is known; all that the agent watches runs on its node, and what is in its own pod has its names."""
    same = bool(process.pod_uid) and process.pod_uid == own.uid
    found = {
        "k8s.node.name": own.node,
        "k8s.namespace.name": (own.namespace if same else "") or process.namespace,
        "k8s.pod.name": (own.pod if same else "") or process.pod_name,
        "k8s.pod.uid": process.pod_uid,
        "k8s.container.name": process.container_name,
    }
    return {key: value for key, value in found.items() if value}


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
