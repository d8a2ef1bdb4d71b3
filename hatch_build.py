"""What the wheel has besides the package: the kernel side for each machine, the manual page, what shells complete, and
which revision of the source this is.

Hatchling calls it (its documentation: plugins, build hook, custom): for the source archive, for the wheel,
which is made from that, and for an editable installation, which `make build` gives its kernel side.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TAG = "py3-none-manylinux_2_17_aarch64.manylinux_2_17_x86_64"
"""No code for these processors is in the wheel, and nothing of any C library is used but what Python brings: what makes
it theirs are the objects for their kernels. PyPI takes no linux_* tag (PEP 513)."""
REVISION = "otelchan/revision.txt"


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds files that are made in a folder of their own, which goes with the build."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """version: "standard" or "editable". Raises SystemExit with one sentence when a compiler is missing."""
        if version == "editable":
            return
        self._folder = tempfile.TemporaryDirectory(prefix="otelchan-build-")
        root, made = Path(self.root), Path(self._folder.name)
        added: dict[str, str] = build_data["force_include"]
        if found := revision(root):
            added[_written(made / "revision.txt", found + "\n")] = REVISION
        if self.target_name != "wheel":
            return
        build_data["pure_python"] = False
        build_data["tag"] = TAG
        sys.path.insert(0, str(root))
        added.update(_kernel_side(root, made))
        build_data["shared_data"].update(_for_shells(made) | _for_systemd(root))

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """The files are in the archive now."""
        if version != "editable":
            self._folder.cleanup()


def revision(root: Path) -> str | None:
    """What SOURCE_REVISION in the environment says; else the commit of this clone, with "-changed" when something
    was not committed; None in an unpacked archive, which has it in a file."""
    if given := os.environ.get("SOURCE_REVISION"):
        return given
    if not (root / ".git").exists():
        return None  # nor may a repository around it be asked
    commit = _git(root, "rev-parse", "HEAD")
    changed = commit and _git(root, "status", "--porcelain", "--untracked-files=no")
    return commit and (f"{commit}-changed" if changed else commit)


def _git(root: Path, *arguments: str) -> str | None:
    command = ["git", "-c", f"safe.directory={root}", "-C", str(root), *arguments]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None  # no git here, or no commit yet


def _kernel_side(root: Path, made: Path) -> dict[str, str]:
    """Path -> path in the wheel: the objects for libbpf, and the source, which BCC compiles."""
    compiler = importlib.import_module("scripts.compile_bpf")
    added = {str(path): f"otelchan/bpf/{path.name}" for path in sorted((root / "bpf").glob("*.[ch]"))}
    for machine in compiler.MACHINES:
        target = made / compiler.object_name(machine)
        compiler.compile_object(machine, target)
        added[str(target)] = f"otelchan/bpf/{target.name}"
    return added


def _for_shells(made: Path) -> dict[str, str]:
    """Path -> path below the prefix of the installation: where man and the shells look, also below a virtual
    environment's."""
    shells = importlib.import_module("otelchan.commands.completion")
    manual = importlib.import_module("otelchan.commands.manual")
    places = {
        "share/man/man1/otelchan.1": manual.page(importlib.import_module("otelchan.cli").make_parser()),
        "share/bash-completion/completions/otelchan": shells.script("bash"),
        "share/zsh/site-functions/_otelchan": shells.script("zsh"),
        "share/fish/vendor_completions.d/otelchan.fish": shells.script("fish"),
    }
    return {_written(made / place.replace("/", "-"), text): place for place, text in places.items()}


def _for_systemd(root: Path) -> dict[str, str]:
    """Path -> path below the prefix: the unit and what belongs to it."""
    files = sorted((root / "deploy/systemd").glob("otelchan.*"))
    return {str(path): f"share/otelchan/systemd/{path.name}" for path in files}


def _written(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)
