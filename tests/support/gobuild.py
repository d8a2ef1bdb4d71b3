"""The Go programs in tests/workloads, built once per Go release and kept in the cache.

    binary = build("leaky")                                  # Go 1.26.8
    binary = build("leaky", go="1.27.3", stripped=True)      # -ldflags "-s -w"
    binary = build("leaky", flags=("-gcflags=all=-N -l",))

Any Go from 1.21 on PATH (or in .venv/bin) will do: it fetches the release that is asked for from the module proxy.
Paths in the binary are those of this repository, so that a test can name `file.go:line`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from scripts.stack import cache_dir, find_go
from tests.support import require_kernel

WORKLOADS = Path(__file__).resolve().parents[1] / "workloads"
DEFAULT_GO = "1.26.8"
SUPPORTED_GO = ("1.26.8", "1.27.3")
"""What tests of everything run on."""
EVERY_GO = ("1.19.13", "1.20.14", "1.21.13", "1.22.12", "1.23.12", "1.24.11", "1.25.11", "1.26.8", "1.27.3")
"""One release of each supported version: what tests of differences between versions run on."""
TIMEOUT = 600.0  # the first use of a release downloads and unpacks 70 MB


def build(
    name: str,
    go: str = DEFAULT_GO,
    stripped: bool = False,
    *,
    flags: tuple[str, ...] = (),
    folder: Path | None = None,
    goarch: str = "amd64",
    environment: Mapping[str, str] | None = None,
) -> Path:
    """The executable of the module tests/workloads/`name`, or of the module in `folder`.

    environment: more of it for the compiler, such as {"GOAMD64": "v3"} or {"CGO_ENABLED": "1"}.
    Safe for parallel calls, also from several processes. Raises AssertionError with the compiler's words. Go's race
    detector is linked by a C compiler: without one a test that asks for -race is skipped, or fails where it must run.
    """
    source = folder or WORKLOADS / name
    arguments = [*(["-ldflags=-s -w"] if stripped else []), *flags]
    more = dict(environment or {})
    key = _digest(source, [go, goarch, *arguments, *(f"{name}={value}" for name, value in sorted(more.items()))])
    target = cache_dir() / "workloads" / f"{name}-go{go}{'-stripped' if stripped else ''}-{key}" / name
    if target.exists():
        return target
    if ("-race" in flags or more.get("CGO_ENABLED") == "1") and shutil.which(os.environ.get("CC", "gcc")) is None:
        require_kernel("go build with cgo or -race needs a C compiler: `make setup-test` installs gcc")
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            _compile(source, target, go, {"GOARCH": goarch, **more}, arguments)
    return target


def source_line(name: str, text: str, file: str = "main.go") -> int:
    """The number of the only line of a workload's source that contains `text`: what a finding should point at."""
    lines = (WORKLOADS / name / file).read_text(encoding="utf-8").splitlines()
    hits = [number for number, line in enumerate(lines, 1) if text in line]
    assert len(hits) == 1, f"{name}/{file} has {len(hits)} lines with {text!r}, one was expected"
    return hits[0]


def _digest(source: Path, parts: list[str]) -> str:
    """A name for the result: the sources, where they are (the binary says so), and how they are built."""
    digest = hashlib.sha256(repr([str(source.resolve()), *parts]).encode())
    for file in sorted(f for f in source.rglob("*") if f.suffix in {".go", ".mod", ".sum", ".s", ".c", ".h"}):
        digest.update(f"\0{file.relative_to(source)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def _compile(source: Path, target: Path, go: str, more: Mapping[str, str], arguments: list[str]) -> None:
    """Build next to the target and rename, so that an interrupted build leaves nothing under its name."""
    race = "-race" in arguments
    pinned = {
        "GOTOOLCHAIN": f"go{go}",
        "GOFLAGS": "-buildvcs=false",
        "GOWORK": "off",
        "GOOS": "linux",
        "CGO_ENABLED": "1" if race else "0",
        **more,
    }
    with tempfile.TemporaryDirectory(dir=target.parent) as temporary:
        output = Path(temporary) / target.name
        command = [find_go(), "build", *arguments, "-o", str(output), "."]
        done = subprocess.run(
            command,
            cwd=source,
            env={**os.environ, **pinned},
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(command)} in {source} with go{go}:\n{done.stderr[-4000:]}"
        output.rename(target)
