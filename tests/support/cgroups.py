"""Control groups with paths of our choice, such as those that Kubernetes gives to containers."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path

from tests.support import require_kernel

MOUNTS = Path("/proc/self/mounts")


def hierarchy() -> Path:
    """Where groups can be made: cgroup v2 if it is mounted, else the v1 hierarchy of process counts."""
    mounts = [line.split() for line in MOUNTS.read_text().splitlines()]
    second = [Path(place) for _, place, kind, *_ in mounts if kind == "cgroup2"]
    first = [Path(place) for _, place, kind, options, *_ in mounts if kind == "cgroup" and "pids" in options.split(",")]
    for place in second + first:
        return place
    require_kernel("no cgroup file system is mounted")


@contextlib.contextmanager
def groups(*paths: str) -> Iterator[list[Path]]:
    """The folders of groups with these paths below one of their own (kubelet's --cgroup-root), so that test runs do not
    meet. They go with the block, for which nobody may be in them any more."""
    top = hierarchy() / f"otelchan-{uuid.uuid4().hex[:8]}"
    folders = [top / path.strip("/") for path in paths]
    try:
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        require_kernel(f"no control group can be made in {top.parent}: {error.strerror}")
    try:
        yield folders
    finally:
        made = {each for folder in folders for each in (folder, *folder.parents) if top in (each, *each.parents)}
        for each in sorted(made, key=lambda each: len(each.parts), reverse=True):
            each.rmdir()


def join(folder: Path, pid: int) -> None:
    """Move a process, with all its threads, into a group."""
    (folder / "cgroup.procs").write_text(f"{pid}\n")
