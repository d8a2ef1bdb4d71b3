"""Commands that become another one, on a machine that lacks something: `[*hiding("/usr/src"), "otelchan", ...]`.

Nothing changes for anybody else: mounts are in a namespace of the command's own, as are privileges and system calls.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

BCC = "/usr/lib/python3/dist-packages/bcc"
HEADERS = ("/lib/modules", "/usr/src")


def hiding(*folders: str | Path) -> list[str]:
    """These folders are there and empty."""
    return _mounting(f"mount -t tmpfs none '{folder}'" for folder in folders)


def replacing(file: Path, by: Path) -> list[str]:
    """The one file has the contents of the other."""
    return _mounting([f"mount --bind '{by}' '{file}'"])


def old_kernel() -> list[str]:
    """No uprobe_multi links. The current folder must be the repository's."""
    return [sys.executable, "-m", "tests.support.old_kernel"]


def capabilities(*names: str) -> list[str]:
    """Root with these capabilities only."""
    kept = "".join(f",+{name}" for name in names)
    return ["setpriv", f"--bounding-set=-all{kept}", "--inh-caps=-all"]


def user(number: int, *names: str) -> list[str]:
    """A user without privileges but these capabilities, who may start otelchan and take the locks of programs.

    Where our Python is in a folder that only root may enter, there is another one over that, with nothing but Python.
    """
    mounts, python = ["mkdir -p /run/otelchan", "mount -t tmpfs -o mode=1777 none /run/otelchan"], Path(sys.base_prefix)
    if closed := [folder for folder in reversed(python.parents) if not folder.stat().st_mode & 1]:
        mounts += [
            f"mount --bind '{python}' /mnt",
            f"mount -t tmpfs -o mode=755 none '{closed[0]}'",
            f"mkdir -p '{python}'",
            f"mount --bind /mnt '{python}'",
        ]
    kept = "-all" + "".join(f",+{name}" for name in names)
    ids = [f"--reuid={number}", f"--regid={number}", "--clear-groups"]
    return [*_mounting(mounts), "setpriv", *ids, f"--inh-caps={kept}", f"--ambient-caps={kept}"]


def _mounting(mounts: Iterable[str]) -> list[str]:
    return ["unshare", "--mount", "sh", "-ec", " && ".join([*mounts, 'exec "$@"']), "sh"]
