"""Containers as Kubernetes starts them, without Kubernetes: runc with the specification that containerd makes.

    with container(image, "census", str(pid), caps=CAPABILITIES, pid="host") as running:
        assert 0 == running.wait(), running.errors

What containerd gives to a container that asks for nothing is in tests/support/containerd/defaults.json, written by the
program beside it from containerd's own code. Its CRI plugin takes the mount of /run and the limits of descriptors away
again (containerd 2.4.2, internal/cri/opts/spec_opts.go: WithoutRunMount, WithoutDefaultSecuritySettings), and so is it
here. Network and name are the machine's, so that tests reach their own Collector on loopback.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal, NamedTuple

from tests.support import eventually

DEFAULTS = Path(__file__).resolve().parent / "containerd" / "defaults.json"
CAPABILITIES = ("BPF", "PERFMON", "SYS_PTRACE", "DAC_READ_SEARCH")
"""What otelchan is given in a container (docs/permissions.md)."""
Json = dict[str, Any]


@dataclass(frozen=True)
class Image:
    """An unpacked root file system that nobody writes to, and what the image says of how it is started."""

    rootfs: Path
    config: Json = field(default_factory=dict)
    """As in an OCI image: Entrypoint, Env, Labels, User, WorkingDir."""


class Mount(NamedTuple):
    """A file or folder of this machine, or (source None) an empty folder in memory."""

    source: Path | None
    target: str
    writable: bool = False


class Container:
    """A started container. pid: of its first process, in the machine's pid namespace."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], folder: Path) -> None:
        self.name = name
        self.pid = 0
        self._process = process
        self._folder = folder
        self._last: dict[str, str] = {}

    @property
    def output(self) -> str:
        """What it has written to standard output."""
        return self._written("stdout")

    @property
    def errors(self) -> str:
        """What it has written to standard error; runc's own words are there too."""
        return self._written("stderr")

    def _written(self, name: str) -> str:
        return self._last.get(name) or (self._folder / name).read_text(errors="replace")

    @property
    def namespace(self) -> Path:
        """Its pid namespace, for containers that share it: `pid=running.namespace`."""
        return Path(f"/proc/{self.pid}/ns/pid")

    def wait(self, timeout: float = 60) -> int:
        """Until its first process has ended; the exit status, 128 + N for signal N."""
        return self._process.wait(timeout)

    @property
    def running(self) -> bool:
        """Whether its first process is there."""
        return self._process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """To its first process."""
        os.kill(self.pid, number)

    def run(self, *command: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Another process in it, to its end, with the same rights (kubectl exec)."""
        line = [*_runc(self._folder), "exec", self.name, *command]
        return subprocess.run(line, capture_output=True, text=True, timeout=timeout, check=False)

    def _wait_started(self) -> None:
        def started() -> bool:
            text = (self._folder / "pid").read_text() if (self._folder / "pid").exists() else ""
            self.pid = int(text or 0)
            return self.pid > 0 or self._process.poll() is not None

        eventually(started, 30, 0.02)
        assert self.pid, f"runc could not start {self.name}: {self.errors}"

    def _stop(self) -> None:
        """SIGTERM, and SIGKILL when it is still there after ten seconds (in Kubernetes after thirty)."""
        for number, seconds in ((signal.SIGTERM, 10), (signal.SIGKILL, 30)):
            if self._process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    self.signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(seconds)


@contextlib.contextmanager
def container(
    image: Image,
    *arguments: str | int | Path,
    caps: Sequence[str] = (),
    mounts: Sequence[Mount] = (),
    pid: Literal["new", "host"] | Path = "new",
    uid: int = 0,
    seccomp: bool = True,
    memory: int | None = None,
    env: Mapping[str, str] | None = None,
    writable: bool = False,
    cgroup: str = "",
) -> Iterator[Container]:
    """Run the image's entry point with `arguments`; it is stopped and gone with the block.

    caps: names without CAP_; all others are dropped, and no new privileges can be had. pid: "host" (hostPID), "new", or
    the namespace of a container to share (shareProcessNamespace: `pid=other.namespace`). seccomp: containerd's default
    profile. memory: limit in bytes. writable: its root file system, always an overlay that is thrown away, may be
    written. cgroup: path of its control group ("/kubepods/.../ID"), one of its own when empty. AssertionError when runc
    cannot start it.
    """
    name = f"otelchan-{uuid.uuid4().hex[:12]}"
    with tempfile.TemporaryDirectory(prefix="otelchan-runc-") as temporary:
        folder = Path(temporary)
        spec = specification(
            [*image.config.get("Entrypoint", []), *(str(argument) for argument in arguments)],
            environment={**_environment(image), **(env or {})},
            caps=caps, mounts=mounts, pid=pid, uid=uid, seccomp=seccomp, memory=memory,
        )  # fmt: skip
        spec["linux"]["cgroupsPath"] = cgroup or f"/{name}"
        spec["process"]["cwd"] = image.config.get("WorkingDir") or "/"
        (folder / "hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
        spec["mounts"].append(_mount(Mount(folder / "hosts", "/etc/hosts")))  # as kubelet's
        with _root(image.rootfs, folder) as root:
            spec["root"] = {"path": str(root), "readonly": not writable}
            (folder / "config.json").write_text(json.dumps(spec))
            with _groups_above(cgroup), _running(name, folder) as running:
                yield running


def specification(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    caps: Sequence[str],
    mounts: Sequence[Mount],
    pid: Literal["new", "host"] | Path,
    uid: int,
    seccomp: bool,
    memory: int | None,
) -> Json:
    """config.json of the OCI runtime specification, without root and control group."""
    defaults: Json = json.loads(DEFAULTS.read_text())
    spec: Json = copy.deepcopy(defaults["spec"])
    spec["ociVersion"] = "1.0.2"  # what Debian 12's runc knows; nothing newer is used
    held = [f"CAP_{name}" for name in caps]
    process, linux = spec["process"], spec["linux"]
    del process["rlimits"]
    process |= {"args": list(command), "env": [f"{name}={value}" for name, value in environment.items()]}
    process |= {"user": {"uid": uid, "gid": uid}, "noNewPrivileges": True}
    process["capabilities"] = {which: held for which in ("bounding", "effective", "permitted")}
    linux["namespaces"] = [{"type": "ipc"}, {"type": "mount"}, *_pid_namespace(pid)]
    if seccomp:
        more = [rule for name in held for rule in defaults["seccomp_with"].get(name, [])]
        linux["seccomp"] = {**defaults["seccomp"], "syscalls": defaults["seccomp"]["syscalls"] + more}
    if memory is not None:
        linux["resources"]["memory"] = {"limit": memory, "swap": memory}
    spec["mounts"] = [each for each in spec["mounts"] if each["destination"] != "/run"]
    control = {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup"}
    spec["mounts"].append({**control, "options": ["nosuid", "noexec", "nodev", "relatime", "ro"]})
    spec["mounts"] += [_mount(each) for each in mounts]
    return spec


def _pid_namespace(pid: Literal["new", "host"] | Path) -> list[Json]:
    if pid == "host":
        return []
    return [{"type": "pid"} if pid == "new" else {"type": "pid", "path": str(pid)}]


def _mount(mount: Mount) -> Json:
    if mount.source is None:
        options = ["nosuid", "nodev", "mode=1777"]
        return {"destination": mount.target, "type": "tmpfs", "source": "tmpfs", "options": options}
    options = ["rbind", "rprivate", "rw" if mount.writable else "ro"]
    return {"destination": mount.target, "type": "bind", "source": str(mount.source), "options": options}


def _environment(image: Image) -> dict[str, str]:
    return dict(each.split("=", 1) for each in image.config.get("Env", []))


@contextlib.contextmanager
def _root(rootfs: Path, folder: Path) -> Iterator[Path]:
    """An overlay over the image, as containerd's snapshotter makes: files of a container are never the image's own."""
    parts = {part: folder / part for part in ("upper", "work", "root")}
    for each in parts.values():
        each.mkdir()
    options = f"lowerdir={rootfs},upperdir={parts['upper']},workdir={parts['work']}"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, str(parts["root"])], check=True)
    try:
        yield parts["root"]
    finally:
        subprocess.run(["umount", str(parts["root"])], check=True)


@contextlib.contextmanager
def _groups_above(cgroup: str) -> Iterator[None]:
    """Control groups above a container's, which runc makes in every hierarchy and leaves there, are gone afterwards."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    tops = [Path(fields[1]) for fields in mounts if fields[2] in ("cgroup", "cgroup2")]
    above = [folder.relative_to("/") for folder in PurePosixPath(cgroup or "/").parents]
    made = [top / folder for top in tops for folder in above if not (top / folder).exists()]
    try:
        yield
    finally:
        for folder in made:
            with contextlib.suppress(OSError):  # it was not made there, or another container is in it
                folder.rmdir()


def _runc(folder: Path) -> list[str]:
    program = shutil.which("runc", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    assert program, "runc is not there: run scripts/setup.sh --deploy"
    return [program, "--root", str(folder / "state")]


@contextlib.contextmanager
def _running(name: str, folder: Path) -> Iterator[Container]:
    line = [*_runc(folder), "run", "--bundle", str(folder), "--pid-file", str(folder / "pid"), name]
    with (folder / "stdout").open("wb") as output, (folder / "stderr").open("wb") as errors:
        process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=output, stderr=errors)
    running = Container(name, process, folder)
    try:
        running._wait_started()
        yield running
    finally:
        running._stop()
        for last in (["kill", "--all", name, "KILL"], ["delete", "--force", name]):  # --all: a shared pid namespace
            subprocess.run([*_runc(folder), *last], capture_output=True, check=False)  # it may be gone already
        running._last = {name: f"{(folder / name).read_text(errors='replace')}\n" for name in ("stdout", "stderr")}
