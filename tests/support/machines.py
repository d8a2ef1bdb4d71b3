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


def _mounting(mounts: Iterable[str]) -> list[str]:
    return ["unshare", "--mount", "sh", "-ec", " && ".join([*mounts, 'exec "$@"']), "sh"]
