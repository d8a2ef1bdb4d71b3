"""What kubelet makes of a container in a manifest, for tests.support.runc: arguments, variables, rights, mounts, limit.

As documented for Kubernetes 1.34. A path of the node is an empty folder here, so that a test leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import requests

from tests.support.chart import containers, one
from tests.support.runc import Container, Image, Mount, container

Json = dict[str, Any]

_UNITS = {"": 1, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}


@contextlib.contextmanager
def started(
    image: Image,
    objects: list[Json],
    kind: str,
    name: str,
    fields: Mapping[str, str],
    folder: Path,
    shared: Path | None = None,
    cgroup: str = "",
) -> Iterator[Container]:
    """The container `name` of the only workload of that kind. fields: what the downward API says, by its paths. folder:
    where its ConfigMaps are written to. shared: the process namespace of its pod, when that is shared."""
    spec = one(objects, kind)["spec"]["template"]["spec"]
    each = containers(spec)[name]
    context = each["securityContext"]
    assert spec.get("hostPID", False) or (spec.get("shareProcessNamespace") and shared)
    assert (["ALL"], False) == (context["capabilities"]["drop"], context["allowPrivilegeEscalation"])
    assert {"type": "RuntimeDefault"} == context["seccompProfile"]
    env = variables(each["env"], fields)
    with container(
        image,
        *(_expanded(argument, env) for argument in each["args"]),
        caps=context["capabilities"].get("add", []),
        mounts=_mounts(each, spec, objects, folder),
        pid=shared or "host",
        uid=context["runAsUser"],
        seccomp=True,
        memory=quantity(each["resources"]["limits"]["memory"]),
        env=env,
        writable=not context["readOnlyRootFilesystem"],
        cgroup=cgroup,
    ) as running:
        yield running


def variables(env: list[Json], fields: Mapping[str, str]) -> dict[str, str]:
    """Each variable with those before it put in; one that is there twice has its last value."""
    made: dict[str, str] = {}
    for each in env:
        if "valueFrom" in each:
            made[each["name"]] = fields[each["valueFrom"]["fieldRef"]["fieldPath"]]
        else:
            made[each["name"]] = _expanded(each["value"], made)
    return made


def _expanded(text: str, env: Mapping[str, str]) -> str:
    """A variable that is not known stays as it is written."""
    return re.sub(r"\$\(([A-Za-z_][A-Za-z0-9_]*)\)", lambda found: env.get(found[1], found[0]), text)


def quantity(text: str) -> int:
    """Of memory, in bytes."""
    found = re.fullmatch(r"(\d+)(Ki|Mi|Gi|)", text)
    assert found, f"{text} is no quantity"
    return int(found[1]) * _UNITS[found[2]]


def _mounts(each: Json, spec: Json, objects: list[Json], folder: Path) -> list[Mount]:
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    made = []
    for mount in each["volumeMounts"]:
        source: Path | None = None
        if "configMap" in (volume := volumes[mount["name"]]):
            source = _written(one(objects, "ConfigMap", volume["configMap"]["name"]), folder) / mount.get("subPath", "")
        made.append(Mount(source, mount["mountPath"], writable=not mount.get("readOnly", False)))
    return made


def _written(config: Json, folder: Path) -> Path:
    place = folder / str(config["metadata"]["name"])
    place.mkdir(exist_ok=True)
    for name, text in config["data"].items():
        (place / name).write_text(text, encoding="utf-8")
    return place


def asked(each: Json, host: str = "127.0.0.1") -> dict[str, int]:
    """The status that each probe of a container gets; 0 when nobody answers."""
    ports = {port["name"]: port["containerPort"] for port in each["ports"]}
    found: dict[str, int] = {}
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        if name in each:
            get = each[name]["httpGet"]
            try:
                answer = requests.get(f"http://{host}:{ports[get['port']]}{get['path']}", timeout=2)
                found[name] = answer.status_code
            except requests.RequestException:
                found[name] = 0
    return found
