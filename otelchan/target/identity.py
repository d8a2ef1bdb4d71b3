"""In which Kubernetes pod a process is: what the kernel and kubelet say, before what it says of itself."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from otelchan.target import proc as files
from otelchan.target.environ import Pairs, Said
from otelchan.target.kubernetes import Mounted, Names, mounted, names

_UID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_OWN = ("k8s.pod.uid", "k8s.namespace.name", "k8s.pod.name", "k8s.container.name")


class Pod(NamedTuple):
    """Empty where something is not known. others: what else the process says of itself."""

    uid: str = ""
    namespace: str = ""
    name: str = ""
    container: str = ""
    others: Pairs = ()


def of_pod(folder: Path, own: Said, proc: Path) -> Pod:
    """The pod of the process of a folder of /proc. What cannot be read is not known.

    What a process says of its pod is not believed at all where it names another one than the kernel or kubelet: its
    environment was copied from there.
    """
    group, place = "", Mounted()
    with suppress(OSError):
        group = files.pod_uid(folder)
    with suppress(OSError):
        place = mounted(folder)
    if group and place.uid != group:  # a container in a pod's container has mounts of its own
        place = Mounted(group)
    uid, told = group or place.pod_uid, dict(own.attributes)
    claimed = told.pop("k8s.pod.uid", "")
    called = Names()
    with suppress(OSError):
        called = names(place.uid, proc) if place.uid else called
    seen = {"k8s.pod.uid": uid, "k8s.namespace.name": called.namespace, "k8s.pod.name": called.pod}
    said = {**told, "k8s.pod.uid": claimed}
    if any(known and said.get(key) and said[key] != known for key, known in seen.items()):
        told = {key: value for key, value in told.items() if not key.startswith("k8s.")}
    return Pod(
        uid or (claimed if not place.uid and _UID.fullmatch(claimed) else ""),
        called.namespace or told.get("k8s.namespace.name", ""),
        called.pod or told.get("k8s.pod.name", ""),
        place.container or told.get("k8s.container.name", ""),
        tuple((key, value) for key, value in told.items() if key not in _OWN),
    )
