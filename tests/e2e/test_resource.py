"""Who a program is, in what is exported of it: what the kernel, kubelet, the agent's own pod and the program say."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path

from tests.support import eventually
from tests.support.agent import agent
from tests.support.cgroups import groups, join

CONTAINER, NODE = "a1" * 32, "node-7"
MOUNT = """
mkdir -p "$0/containers/cart"; cp /etc/hosts "$0/etc-hosts"; touch "$0/containers/cart/6ef9ac20" "$0/message"
mount --bind "$0/etc-hosts" /etc/hosts; mount --bind "$0/containers/cart/6ef9ac20" "$0/message"; exec "$@"
"""


def resource(path: Path, pid: int) -> dict[str, str]:
    """The attributes with which a program's metrics are in a file of OTLP JSON lines; of none when it is not there."""
    for line in path.read_text().splitlines() if path.exists() else ():
        for each in json.loads(line).get("resourceMetrics", []):
            found = {a["key"]: str(next(iter(a["value"].values()))) for a in each["resource"]["attributes"]}
            if "process.runtime.name" in found and found["process.pid"] == str(pid):
                return found
    return {}


def test_a_program_in_a_pod_says_so_without_the_api(workload: Callable[..., Path], tmp_path: Path) -> None:
    """Container and pod from its control group, its container's name from its mounts, the node from the agent's
    downward API, the pod's names from that too since it is the same pod, the rest from the program's own variables."""
    pod, out = str(uuid.uuid4()), tmp_path / "otlp.jsonl"
    folder = tmp_path / "pods" / pod
    own = "service.name=carts,service.namespace=shops,service.instance.id=x,k8s.deployment.name=cart,secret=1"
    downward = {"K8S_NODE_NAME": NODE, "K8S_NAMESPACE_NAME": "eu", "K8S_POD_NAME": "cart-0", "K8S_POD_UID": pod}
    command = ["unshare", "--mount", "sh", "-ec", MOUNT, str(folder), str(workload("swift")), "-for", "10m"]
    with groups(f"kubepods/burstable/pod{pod}/{CONTAINER}") as (group,):
        program = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, env={"PATH": "/usr/bin:/bin", "OTEL_RESOURCE_ATTRIBUTES": own}
        )
        try:
            join(group, program.pid)
            eventually(lambda: "swift" in (Path("/proc") / str(program.pid) / "cmdline").read_text().split("\0")[0])
            with agent(tmp_path / "log", program.pid, "--otlp-file", out, "--interval", 1, env=downward) as running:
                running.wait_attached()
                found = eventually(lambda: resource(out, program.pid))
        finally:
            program.kill()
            program.wait()
    names = ("service.", "host.name", "container.", "k8s.", "secret")
    said = {name: text for name, text in found.items() if name.startswith(names) and name != "service.instance.id"}
    assert said == {
        "service.name": "carts",
        "service.namespace": "shops",
        "host.name": NODE,
        "container.id": CONTAINER,
        "k8s.node.name": NODE,
        "k8s.namespace.name": "eu",
        "k8s.pod.name": "cart-0",
        "k8s.pod.uid": pod,
        "k8s.container.name": "cart",
        "k8s.deployment.name": "cart",
    }
    assert found["service.instance.id"] != "x"
