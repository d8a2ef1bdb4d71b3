"""What /proc says about a process: one small parser per file.

Formats: man 5 proc and Documentation/filesystems/proc.rst of the kernel. `folder` is /proc/PID everywhere. OSError of
the reads is left to the caller, who knows the process.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_CONTAINER = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
# A pod's own folder: "pod" and its uid, with kubelet's driver "cgroupfs" alone ("/kubepods/burstable/pod<uid>/..."),
# with "systemd" at the end of a slice's name, where dashes separate and are written "_" in the uid
# ("kubepods-burstable-pod<uid>.slice"); where kubelet and runtime differ, ":" follows it.
# Kubernetes, pkg/kubelet/cm: pod_container_manager_linux.go (commit 00b39fcf8334) and cgroup_manager_linux.go
# (commit 00ac878efc72, ConvertCgroupNameToSystemd).
_HEX = "[0-9a-f]"
_POD = re.compile(
    rf"(?:/|-)pod({_HEX}{{8}}[-_]{_HEX}{{4}}[-_]{_HEX}{{4}}[-_]{_HEX}{{4}}[-_]{_HEX}{{12}})(?=/|\.slice(?:[/:]|$)|$)"
)
_DELETED = " (deleted)"
_MOST_ARGUMENTS = 1 << 16  # bytes
_STAT_BYTES = 4096  # 52 numbers and a name of 15 bytes


class Stat(NamedTuple):
    """Fields 3, 22 and 28 of /proc/PID/stat: state ("S", "Z"), start in clock ticks since boot, start of the stack."""

    state: str
    start_ticks: int
    stack_start: int


class Mapping(NamedTuple):
    """One line of /proc/PID/maps. key: (device, inode) of the mapped file. path: "" for anonymous memory."""

    start: int
    end: int
    permissions: str
    offset: int
    key: tuple[int, int]
    path: str


def lines(file: Path) -> list[str]:
    """The lines of a text of the kernel. It escapes no end of a line but "\\n", so that what Python takes for others
    (splitlines, universal newlines) may be within names that any program gives: its own, its files', its groups'."""
    return file.read_bytes().decode(errors="replace").removesuffix("\n").split("\n")


def beginning(file: Path, most: int) -> bytes:
    """So many bytes at most of what a program itself may make as long as it likes (prctl(2), PR_SET_MM_MAP)."""
    with file.open("rb") as opened:
        return opened.read(most)


def stat(folder: Path) -> Stat:
    """The command's name may have spaces and parentheses in it, so fields are counted from the last one.

    This and executable_key are asked ten times a second of every watched process, so they make no path objects.
    """
    descriptor = os.open(f"{folder}/stat", os.O_RDONLY | os.O_CLOEXEC)
    try:
        fields = os.read(descriptor, _STAT_BYTES).rpartition(b")")[2].split()
    finally:
        os.close(descriptor)
    return Stat(fields[0].decode(), int(fields[19]), int(fields[25]))


def thread_group(folder: Path) -> int:
    """The process that a thread belongs to; a process belongs to itself."""
    for line in lines(folder / "status"):
        name, _, value = line.partition(":")
        if name == "Tgid":
            return int(value)
    return int(folder.name)


def executable(folder: Path) -> str:
    """The path that was executed, also when the file has been deleted or replaced since. What is no text in it is
    replaced, as everywhere here: a name of any bytes must not be what telemetry fails of."""
    path = os.fsencode((folder / "exe").readlink())
    return path.decode(errors="replace").removesuffix(_DELETED)


def executable_key(folder: Path) -> tuple[int, int]:
    """(device, inode) of the file that is executed."""
    status = os.stat(f"{folder}/exe")  # noqa: PTH116 - see stat
    return status.st_dev, status.st_ino


def command(folder: Path) -> tuple[str, ...]:
    """argv, of which the first 64 KiB."""
    data = beginning(folder / "cmdline", _MOST_ARGUMENTS)
    return tuple(part.decode(errors="replace") for part in data.removesuffix(b"\0").split(b"\0")) if data else ()


def container_id(folder: Path) -> str:
    """The 64 hexadecimal digits that container runtimes put into the cgroup path (v1 and v2), else "".

    The last ones of a line: a container in a container is the inner one.
    """
    for line in lines(folder / "cgroup"):
        found = _CONTAINER.findall(line)
        if found:
            return str(found[-1])
    return ""


def pod_uid(folder: Path) -> str:
    """The uid of the Kubernetes pod, from the cgroup path (v1 and v2), else "".

    As for containers, the last one of a line: a cluster in a pod is the inner one. "" also for what kubelet runs from
    files (static pods): their path has a digest of the file, which is no pod's uid in the API (Kubernetes,
    pkg/kubelet/config/common.go, commit 00090001f8a6). And "" where the agent is in the same pod and has a cgroup
    namespace of its own: then the path begins below the pod.
    """
    for line in lines(folder / "cgroup"):
        found = _POD.findall(line)
        if found:
            return str(found[-1]).replace("_", "-")
    return ""


def cgroups(folder: Path) -> tuple[str, ...]:
    """The path in each hierarchy, as the agent sees it."""
    given = lines(folder / "cgroup")
    return tuple(dict.fromkeys(line.split(":", 2)[2] for line in given if line.count(":") >= 2))


def mappings(folder: Path) -> Iterator[Mapping]:
    """Every mapping, by ascending address."""
    for line in filter(None, lines(folder / "maps")):  # there are none of what ends just now
        bounds, permissions, offset, device, inode, *path = line.split(maxsplit=5)
        start, end = (int(bound, 16) for bound in bounds.split("-"))
        major, minor = (int(number, 16) for number in device.split(":"))
        key = os.makedev(major, minor), int(inode)
        name = path[0].removesuffix(_DELETED) if path else ""
        yield Mapping(start, end, permissions, int(offset, 16), key, name)


def in_initial_pid_namespace(proc: Path) -> bool:
    """Whether this agent has the process ids that the kernel has: PROC_PID_INIT_INO of include/linux/proc_ns.h."""
    try:
        return (proc / "self" / "ns" / "pid").stat().st_ino == 0xEFFFFFFC
    except OSError:
        return False


def boot_time_s(proc: Path) -> int:
    """Unix time at which the system was started, in seconds (btime of /proc/stat)."""
    for line in (proc / "stat").read_text().splitlines():
        if line.startswith("btime "):
            return int(line.split()[1])
    return 0
