"""otelchan as it is given away: the source archive, and the wheel made of it, from this tree as it is now."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
REVISION = "0123456789abcdef0123456789abcdef01234567"
"""What `built` says the source is, unless it is told otherwise."""


class Built(NamedTuple):
    """The two files. log: what the build said."""

    sdist: Path
    wheel: Path
    log: str


def copy_source(folder: Path) -> Path:
    """This tree in a new folder, without its history: every file that git knows or does not ignore; the folder."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():  # others may be mid-way in taking one away
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    return folder


def build(source: Path, target: Path, **environment: str) -> Built:
    """The source archive of a folder, and the wheel of what is in that, as `python -m build` does by itself.

    No network: hatchling is the one that is installed here. Raises AssertionError with what was said.
    """
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(target), str(source)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SOURCE_REVISION": REVISION, **environment},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (sdist,), (wheel,) = target.glob("*.tar.gz"), target.glob("*.whl")
    return Built(sdist, wheel, done.stdout + done.stderr)


def built(folder: Path) -> Path:
    """The wheel of this tree, in a new folder."""
    return build(copy_source(folder / "source"), folder / "dist").wheel


def network() -> dict[str, str]:
    """Variables that say how pip reaches PyPI here: its own, and those of proxies."""
    return {name: value for name, value in os.environ.items() if re.match(r"PIP_|(?i:https?|no|all)_proxy$", name)}


def installed(folder: Path, wheel: Path, *extras: str) -> Path:
    """A new virtual environment with the wheel and what it needs from PyPI, made where no compiler is on PATH; its
    folder of programs."""
    subprocess.run(["/usr/bin/python3", "-m", "venv", str(folder)], check=True)
    programs = folder / "bin"
    wanted = f"{wheel}[{','.join(extras)}]" if extras else str(wheel)
    options = ["--quiet", "--disable-pip-version-check", "--no-input"]
    done = subprocess.run(
        [str(programs / "pip"), "install", *options, "--only-binary", ":all:", wanted],
        capture_output=True,
        text=True,
        check=False,
        env={**network(), "PATH": str(programs), "HOME": os.environ.get("HOME", "/root")},
    )
    assert done.returncode == 0, done.stderr
    return programs
