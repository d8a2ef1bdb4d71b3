"""One process on this machine, as a target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Process:
    """A process that may be watched. It is the same process only while pid, start time and executable agree.

    start_ticks: field 22 of /proc/PID/stat, clock ticks since boot.
    created_unix_ns: the same as Unix time in nanoseconds.
    executable: path as the process sees it (readlink of /proc/PID/exe, without " (deleted)").
    executable_key: (device, inode) of the executable file.
    open_path: path through which this agent opens the executable, valid across mount namespaces: /proc/PID/exe.
    command: argv, for people only; never exported.
    service_name: what the user's rules call it, else OTEL_SERVICE_NAME from its own environment, else what its
        OTEL_RESOURCE_ATTRIBUTES says, else "".
    container_id: from the cgroup path, else "".
    stack_start: address of its first stack, which changes with each exec, also of the same file (field 28 of
        /proc/PID/stat); 0 when this agent may not know it.
    cgroups: paths of its control groups, one per hierarchy.
    pod_uid: of its Kubernetes pod, from the cgroup path, else from its mounts, else "".
    namespace, pod_name, container_name: of its Kubernetes pod, and of its container in it, from what kubelet left on
        the node, else what the process says of itself, else "".
    attributes: of its Resource, as it says them itself (target/environ.py), but those above.
    """

    pid: int
    start_ticks: int
    created_unix_ns: int
    executable: str
    executable_key: tuple[int, int]
    open_path: str
    command: tuple[str, ...]
    service_name: str = ""
    container_id: str = ""
    stack_start: int = 0
    cgroups: tuple[str, ...] = ()
    pod_uid: str = ""
    namespace: str = ""
    pod_name: str = ""
    container_name: str = ""
    attributes: tuple[tuple[str, str], ...] = ()


class LoadedSegment(Protocol):
    """What must be known of an executable's segment to find it in memory. A gobinary Segment is one."""

    @property
    def address(self) -> int:
        """Link-time virtual address."""
        ...

    @property
    def offset(self) -> int:
        """Offset in the file, bytes."""
        ...

    @property
    def executable(self) -> bool:
        """Whether it is mapped executable."""
        ...
