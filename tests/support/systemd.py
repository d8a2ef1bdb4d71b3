"""A machine of its own that systemd has started: services are started by the real one, with all that their units say.

systemd is process 1 of a new pid namespace, over an overlay of this machine's root file system: what it writes is gone
afterwards, and nobody outside sees its processes' services, mounts or files. Network and kernel are this machine's.
"""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import eventually
from tests.support.wheel import network

SYSTEMD = Path("/lib/systemd/systemd")
_CGROUPS = (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "ptmx")
_NOT_HERE = (
    *("systemd-udevd.service", "systemd-networkd.service", "systemd-resolved.service", "getty.target"),
    *("systemd-modules-load.service", "systemd-remount-fs.service", "systemd-sysctl.service"),
)
_TARGET = "[Unit]\nRequires=basic.target systemd-journald.service\nAfter=basic.target\n"
# $1: an empty folder. The kernel's settings are read only, so that nobody changes those of this machine.
_BOOT = f"""
mount -t tmpfs none "$1"
cd "$1"
mkdir upper work root
mount -t overlay -o lowerdir=/,upperdir=upper,workdir=work overlay root
cd root
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 none run
mount -t tmpfs -o mode=1777 none tmp
mount -t tmpfs -o mode=755 none dev
for name in {" ".join(_DEVICES)}; do touch dev/$name; mount --bind /dev/$name dev/$name; done
mkdir -p dev/shm dev/pts run/lock
ln -s /proc/self/fd dev/fd
rm -rf etc/systemd/system
mkdir -p etc/systemd/system
for name in {" ".join(_NOT_HERE)}; do ln -s /dev/null etc/systemd/system/$name; done
printf '{_TARGET.replace(chr(10), chr(92) + "n")}' >etc/systemd/system/default.target
pivot_root . mnt
umount -l mnt
exec env -i container=otelchan-test PATH=/usr/sbin:/usr/bin:/sbin:/bin {SYSTEMD} --system --log-target=journal
"""


class Machine:
    """pid: of its systemd, as this machine has it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.root = Path(f"/proc/{pid}/root")

    def run(self, *command: str | Path, check: bool = True, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """A command there, as root."""
        inside = [
            "nsenter",
            f"--target={self.pid}",
            "--mount",
            "--uts",
            "--ipc",
            "--pid",
            "--cgroup",
            "--root",
            "--wd=/",
        ]
        environment = {**network(), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": os.environ.get("HOME", "/root")}
        done = subprocess.run(
            [*inside, "env", "--chdir=/", *map(str, command)],
            capture_output=True,
            text=True,
            timeout=timeout,
            env=environment,
            check=False,
        )
        assert not check or done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done

    def show(self, unit: str, name: str) -> str:
        """What systemd knows of a unit."""
        return self.run("systemctl", "show", "--value", f"--property={name}", unit).stdout.strip()

    def journal(self, *arguments: str) -> str:
        """What a service has said; arguments: of journalctl."""
        return self.run("journalctl", "--no-pager", "--output=cat", *arguments).stdout


@contextmanager
def booted(folder: Path) -> Iterator[Machine]:
    """A machine that has started. folder: an empty one."""
    group = next(path for path in _CGROUPS if (path / "cgroup.controllers").exists()) / f"otelchan-{os.getpid()}"
    group.mkdir()
    spaces = ["--mount", "--propagation=private", "--pid", "--fork", "--kill-child", "--uts", "--ipc", "--cgroup"]
    command = ["unshare", *spaces, "sh", "-ec", _BOOT, "sh", str(folder)]
    dying = ["setpriv", "--pdeathsig=KILL"]  # also when the tests are killed
    join = f'echo $$ >"{group}/cgroup.procs" && exec "$@"'
    with (folder.parent / f"{folder.name}.log").open("w") as log:
        outer = subprocess.Popen(
            [*dying, "sh", "-c", join, "sh", *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        machine = Machine(_first_child(outer.pid))
        eventually(lambda: _has_started(machine), 30)
        yield machine
    finally:
        outer.kill()  # its child, the namespace's process 1, is killed with it, and all the others with that one
        outer.wait(30)
        eventually(lambda: _removed(group), 30)


def _first_child(pid: int) -> int:
    def children() -> list[str]:
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()

    eventually(lambda: children(), 10)
    return int(children()[0])


def _has_started(machine: Machine) -> bool:
    done = machine.run("systemctl", "is-system-running", check=False)
    return done.stdout.strip() in ("running", "degraded")


def _removed(group: Path) -> bool:
    """A control group with all that are in it, or not yet: processes that were killed take their time."""
    folders = [path for path in group.rglob("*") if path.is_dir()]
    try:
        for path in sorted(folders, key=lambda each: -len(each.parts)):
            path.rmdir()
        group.rmdir()
    except OSError as error:
        assert error.errno == errno.EBUSY, error
        return False
    return True
