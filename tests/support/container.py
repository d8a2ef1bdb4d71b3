"""A command in namespaces of its own, with a folder as its whole file system: what a container is made of.

    [*contained(root), "/app/swift"]   # /app/swift is in `root`; its process id is 1 there

Run as a module it is what comes between unshare(1) and the command.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

_PIVOT_ROOT = 155  # x86-64
_DETACH = 2  # MNT_DETACH


def contained(root: Path) -> list[str]:
    """What to put before the command. The current folder must be the repository's."""
    return ["unshare", "--mount", "--pid", "--fork", sys.executable, "-m", "tests.support.container", str(root)]


def main(root: str, *command: str) -> None:
    """Become the command."""
    subprocess.run(["mount", "--bind", root, root], check=True)  # a root must be a mount
    os.chdir(root)
    Path("outside").mkdir(exist_ok=True)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(_PIVOT_ROOT, b".", b"outside") or libc.umount2(b"/outside", _DETACH):
        raise OSError(ctypes.get_errno(), "no other root")
    os.execv(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
