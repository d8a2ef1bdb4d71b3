"""The container that the chart renders, as kubelet would start it: its arguments, variables, rights, mounts and limit
are enough to find a leak, and its probes are answered."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import eventually
from tests.support.chart import containers, one, rendered
from tests.support.forms import application, collecting, leak
from tests.support.kubelet import asked, started
from tests.support.programs import free_ports
from tests.support.runc import Image, container

pytestmark = pytest.mark.kernel

USER = 1000
FIELDS = {
    "spec.nodeName": "node-7",
    "metadata.namespace": "otelchan",
    "metadata.name": "otelchan-x2x4z",
    "metadata.uid": "6e3a4b8e-0d3c-4b1e-9a59-0f6f0a4c6a10",
    "status.hostIP": "192.0.2.7",
    "status.podIP": "127.0.0.1",
}


@pytest.fixture
def name() -> str:
    """Of an executable, so that nobody else's programs are watched."""
    return f"app-{uuid.uuid4().hex[:8]}"


def settings(name: str, port: int, endpoint: str) -> tuple[str, ...]:
    """Values for this test's programs only; the rest is the chart's."""
    variable = "extraEnv[0].name=OTELCHAN_OTLP_ENDPOINT,extraEnv[0].value"
    return (f"include={{/app/{name}}}", f"status.port={port}", "config.interval_s=1", f"{variable}={endpoint}")


def of(objects: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    """The container otelchan."""
    return containers(one(objects, kind)["spec"]["template"]["spec"])["otelchan"]


def test_the_node_agent_of_the_chart_finds_a_leak_in_another_container(
    image: Image, workload: Callable[..., Path], name: str, tmp_path: Path
) -> None:
    """With the node's name from the downward API, and all three probes answered before that."""
    (port,) = free_ports(1)
    with (
        container(application(tmp_path, workload("leaky"), name, USER), uid=USER) as program,
        collecting(tmp_path, "standalone.yaml") as received,
    ):
        objects = rendered("node", *settings(name, port, received.endpoint))
        with started(image, objects, "DaemonSet", "otelchan", FIELDS, tmp_path) as agent:
            wanted = {"startupProbe": 200, "readinessProbe": 200, "livenessProbe": 200}
            eventually(lambda: asked(of(objects, "DaemonSet")) == wanted or not agent.running, 60)
            resource = eventually(lambda: leak(received), 60)
            own = [whose for whose, _, _ in received.points("otelchan.build.info")]
            assert agent.running, agent.errors

    assert (str(program.pid), "node-7") == (resource["process.pid"], resource["host.name"])
    assert {("node-7", "otelchan-x2x4z")} == {(whose["host.name"], whose["k8s.pod.name"]) for whose in own}


@pytest.mark.parametrize("form", ["sidecar", "sidecar-native"])
def test_the_sidecar_of_the_chart_finds_the_leak_of_its_pod(
    form: str, image: Image, workload: Callable[..., Path], name: str, tmp_path: Path
) -> None:
    """In a process namespace that it shares, with the ids of that namespace; its probe is answered."""
    (port,) = free_ports(1)
    with (
        container(application(tmp_path, workload("leaky"), name, USER), uid=USER) as program,
        collecting(tmp_path, "sidecar.yaml", pid=program.namespace) as received,
    ):
        objects = rendered(form, *settings(name, port, received.endpoint))
        with started(image, objects, "Deployment", "otelchan", FIELDS, tmp_path, shared=program.namespace) as agent:
            eventually(lambda: asked(of(objects, "Deployment")) == {"livenessProbe": 200} or not agent.running, 60)
            resource = eventually(lambda: leak(received), 60)
            assert agent.running, agent.errors

    assert ("1", "node-7") == (resource["process.pid"], resource["host.name"])
