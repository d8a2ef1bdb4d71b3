"""What kubelet leaves on a node about the pod of a process: no API is asked, and nothing has to be mounted.

Facts of Kubernetes, commit e2cf0fe0aa8b: each container has kubelet's file PODS/UID/etc-hosts at /etc/hosts
(pkg/kubelet/kubelet_pods.go, makeHostsMount), and for its termination message PODS/UID/containers/NAME/8 digits
(pkg/kubelet/kuberuntime/kuberuntime_container.go, makeMounts; kubelet_getters.go). A mount's root is what the kernel
says, and no container can change it that may not mount. The logs of a pod are in a folder NAMESPACE_NAME_UID, which is
made before its containers (pkg/kubelet/kuberuntime/helpers.go, BuildPodLogsDirectory); no name has "_" in it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from otelchan.target.proc import lines

_LOGS = "root/var/log/pods"  # below the first process: of the host where the agent has the host's process ids
_UID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_STATIC = "[0-9a-f]{32}"  # of the file that it was made from; the API knows the pod by another one
_FOLDER = rf"/pods/(?P<uid>{_UID}|{_STATIC})"
_HOSTS = re.compile(rf"{_FOLDER}/etc-hosts")
_MESSAGE = re.compile(rf"{_FOLDER}/containers/(?P<name>[a-z0-9]([-a-z0-9]*[a-z0-9])?)/[0-9a-f]{{8}}")
_ROOT, _PLACE = 3, 4  # fields of a line of mountinfo, from 0: man 5 proc


class Mounted(NamedTuple):
    """uid: of the pod's folder; of a static pod it is no uid of the API. container: "" when it has no such file."""

    uid: str = ""
    container: str = ""

    @property
    def pod_uid(self) -> str:
        """The uid by which the API knows the pod, else ""."""
        return self.uid if re.fullmatch(_UID, self.uid) else ""


class Names(NamedTuple):
    """Of a pod; "": not known."""

    namespace: str = ""
    pod: str = ""


def mounted(folder: Path) -> Mounted:
    """What the mounts of a process say; nothing when they say two things. Raises OSError."""
    uids, containers = set(), set()
    for line in filter(None, lines(folder / "mountinfo")):
        root, place = line.split(" ", 5)[_ROOT : _PLACE + 1]
        if place == "/etc/hosts" and (hosts := _ending(_HOSTS, root)):
            uids.add(hosts["uid"])
        elif message := _ending(_MESSAGE, root):
            uids.add(message["uid"])
            containers.add(message["name"])
    if len(uids) != 1:
        return Mounted()
    return Mounted(uids.pop(), containers.pop() if len(containers) == 1 else "")


def names(uid: str, proc: Path) -> Names:
    """Of the pod with that folder, where this agent can see kubelet's logs. Raises OSError where it cannot."""
    found = {entry.name for entry in os.scandir(proc / "1" / _LOGS) if entry.name.endswith(f"_{uid}")}
    parts = found.pop().split("_") if len(found) == 1 else []
    return Names(*parts[:2]) if len(parts) == 3 else Names()


def _ending(pattern: re.Pattern[str], root: str) -> re.Match[str] | None:
    """kubelet's folder may be anywhere, and on a file system of its own: the end of the path is what is known."""
    start = root.rfind("/pods/")
    return pattern.fullmatch(root, start) if start >= 0 else None
