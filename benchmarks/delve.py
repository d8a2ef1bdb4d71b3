"""The Go debugger delve, of which `dlv trace` is measured: built once from the Go module proxy, kept in the cache."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from scripts.stack import StackError, cache_dir, find_go

VERSION = "1.27.2"
TOOLCHAIN = "go1.27.3"  # that of the load program: an older delve, or one built with an older Go, may not read it
PACKAGE = "github.com/go-delve/delve/cmd/dlv"
TIMEOUT_S = 600


class NoDelve(Exception):
    """One sentence: why there is none here."""


def delve() -> Path:
    """The executable. Takes half a minute the first time. Raises NoDelve when it cannot be built."""
    folder = cache_dir() / f"delve-{VERSION}"
    target = folder / "dlv"
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    try:
        command = [find_go(), "install", f"{PACKAGE}@v{VERSION}"]
        pinned = {"GOBIN": str(folder), "GOTOOLCHAIN": TOOLCHAIN, "GOFLAGS": "", "GOWORK": "off", "CGO_ENABLED": "0"}
        done = subprocess.run(
            command, env={**os.environ, **pinned}, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except (StackError, OSError, subprocess.TimeoutExpired) as error:
        raise NoDelve(f"delve {VERSION} could not be built: {error}") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        raise NoDelve(f"delve {VERSION} could not be built: {last}")
    return target
