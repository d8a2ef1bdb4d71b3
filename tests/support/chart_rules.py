"""What has to be true of otelchan's pods, and Kubernetes' schemas do not look at: rights, probes, mounts, names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from otelchan.cli import make_parser
from otelchan.config.folders import DUMPS, IMAGES
from otelchan.target.lock import FOLDER as LOCKS
from tests.support.chart import containers, pod_specs

Json = dict[str, Any]

NEEDED = ["BPF", "PERFMON", "SYS_PTRACE", "DAC_READ_SEARCH"]
OPTIONAL = {"SYS_NICE", "SYS_ADMIN"}
WRITABLE = {str(folder) for folder in (LOCKS, IMAGES.parent, DUMPS.parent)} | {"/tmp"}
TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount"


def faults(objects: list[Json]) -> list[str]:
    """A sentence for each thing that is wrong."""
    found = [f"{where}: {fault}" for where, spec in pod_specs(objects) for fault in _pod(where, spec)]
    return found + [fault for each in objects for fault in _object(each, objects)]


def _pod(where: str, spec: Json) -> Iterator[str]:
    node = where.startswith("DaemonSet/")
    if spec.get("hostPID", False) is not node:
        yield "hostPID is for the node agent, and only for it"
    if not node and spec.get("shareProcessNamespace") is not True:
        yield "a sidecar sees nothing without shareProcessNamespace"
    yield from (f"{name} is set" for name in ("hostNetwork", "hostIPC") if spec.get(name))
    if spec.get("automountServiceAccountToken") is not False:
        yield "every container gets a token"
    if spec.get("nodeSelector", {}) == {}:
        yield "it may come to a machine that otelchan does not run on"
    if node and not (spec.get("tolerations") and spec.get("priorityClassName")):
        yield "without tolerations and a priority some nodes have no agent"
    volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
    paths = [volume["hostPath"]["path"] for volume in volumes.values() if "hostPath" in volume]
    if paths not in ([], [str(LOCKS)]):
        yield f"paths of the node are mounted: {paths}"
    named = containers(spec)
    mounted = {mount["name"] for each in named.values() for mount in each.get("volumeMounts", [])}
    if mounted != set(volumes):
        yield f"volumes and mounts differ: {sorted(mounted ^ set(volumes))}"
    if "otelchan" not in named:
        yield "there is no container otelchan"
    for name, each in named.items():
        wrong = _otelchan(each, node) if name == "otelchan" else _other(each)
        yield from (f"{name}: {fault}" for fault in [*wrong, *_any(each)])


def _any(each: Json) -> Iterator[str]:
    """Of every container."""
    context = each.get("securityContext", {})
    if context.get("privileged") or context.get("allowPrivilegeEscalation") is not False:
        yield "it may get more rights"
    if context.get("readOnlyRootFilesystem") is not True:
        yield "its file system can be written"
    if context.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield "the runtime's seccomp profile is not in force"
    if context.get("capabilities", {}).get("drop") != ["ALL"]:
        yield "capabilities of the runtime stay"
    if "memory" not in each.get("resources", {}).get("limits", {}):
        yield "its memory has no limit"
    if not re.search(r"(:[\w.-]+|@sha256:[0-9a-f]{64})$", each["image"]) or each["image"].endswith(":latest"):
        yield f"the image {each['image']} is not one version"
    yield from _variables(each.get("env", []))
    ports = {port["name"] for port in each.get("ports", [])}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        if probe in each and each[probe]["httpGet"]["port"] not in ports:
            yield f"{probe} asks a port that is not there"


def _variables(env: list[Json]) -> Iterator[str]:
    known: set[str] = set()
    for variable in env:
        unknown = set(re.findall(r"\$\(([A-Z0-9_]+)\)", variable.get("value", ""))) - known
        if unknown:  # Kubernetes leaves them as they are
            yield f"{variable['name']} uses {sorted(unknown)}, which is not defined before it"
        known.add(variable["name"])


def _other(each: Json) -> Iterator[str]:
    """The Collector and the application."""
    context = each.get("securityContext", {})
    if context.get("capabilities", {}).get("add") or context.get("runAsNonRoot") is not True:
        yield "it has rights that it does not need"


def _otelchan(each: Json, node: bool) -> Iterator[str]:
    context = each["securityContext"]
    added = context.get("capabilities", {}).get("add", [])
    if added[: len(NEEDED)] != NEEDED or not set(added[len(NEEDED) :]) <= OPTIONAL:
        yield f"its capabilities are {added}"
    if context.get("runAsUser") != 0:
        yield "capabilities of a container belong to root"
    if "cpu" in each["resources"]["limits"]:
        yield "a CPU limit would hold up the thread that takes probes out"
    mounts = {mount["mountPath"]: mount for mount in each["volumeMounts"]}
    if TOKEN in mounts:
        yield "it has a token"
    if missing := WRITABLE - {path for path, mount in mounts.items() if not mount.get("readOnly")}:
        yield f"it cannot write {sorted(missing)}"
    arguments = make_parser().parse_args(each["args"])
    if not arguments.all or arguments.config is None:
        yield "it does not watch what it should"
    elif str(arguments.config).rpartition("/")[0] not in mounts:
        yield "its configuration is not mounted"
    if not any(name == "OTELCHAN_STATUS_ANYWHERE" for name in (variable["name"] for variable in each["env"])):
        yield "it would not listen where the kubelet asks"
    (port,) = each["ports"]
    if port["containerPort"] != int(arguments.status_listen.rpartition(":")[2]):
        yield "probes ask another port than it listens at"
    paths = {probe: each[probe]["httpGet"]["path"] for probe in each if probe.endswith("Probe")}
    wanted = {"livenessProbe": "/healthz"}
    if node:
        wanted |= {"startupProbe": "/healthz", "readinessProbe": "/readyz"}
    if paths != wanted:  # beside an application it must neither hold it up nor take it out of service
        yield f"probes are {paths}"


def _object(each: Json, objects: list[Json]) -> Iterator[str]:
    where = f"{each['kind']}/{each['metadata']['name']}"
    if each["kind"] == "DaemonSet" or each["kind"] == "Deployment":
        labels = each["spec"]["template"]["metadata"]["labels"]
        if not each["spec"]["selector"]["matchLabels"].items() <= labels.items():
            yield f"{where}: its selector does not fit its pods"
    if each["kind"] in ("ClusterRole", "Role") and each["rules"] != [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]}
    ]:
        yield f"{where}: more rights than the Collector needs"
    if each["kind"] == "ServiceAccount" and each.get("automountServiceAccountToken") is not False:
        yield f"{where}: a token for everybody"
    if each["kind"] == "ClusterRoleBinding":
        names = {other["metadata"]["name"] for other in objects if other["kind"] in ("ClusterRole", "ServiceAccount")}
        if {each["roleRef"]["name"], *(subject["name"] for subject in each["subjects"])} - names:
            yield f"{where}: it binds what is not there"
    if each["kind"] == "PriorityClass" and each.get("preemptionPolicy") != "Never":
        yield f"{where}: programs would have to go for the one that watches them"
