"""`python -m otelchan.gobinary.offsets`: measures every supported Go release and writes layouts.json.

Each release is fetched by Go itself (GOTOOLCHAIN) and builds a small program, whose DWARF is read. Releases with equal
layouts share one entry. Takes a few minutes and 250 MB of disk per release the first time.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from otelchan.errors import BinaryError, OtelchanError
from otelchan.gobinary import dwarf
from otelchan.gobinary.buildinfo import NEWEST, OLDEST, read_build_info
from otelchan.gobinary.elf import Elf
from otelchan.gobinary.layouts import TABLE

_PROGRAM = """package main

func main() {
	c := make(chan int, 1)
	c <- 1
	<-c
}
"""


def releases() -> list[str]:
    """Every release of the supported Go versions that the module proxy has for linux/amd64, oldest first."""
    listed = _run(["go", "list", "-m", "-versions", "golang.org/toolchain"])
    found = {(int(a), int(b)) for a, b in re.findall(r"v0\.0\.1-go1\.(\d+)\.(\d+)\.linux-amd64", listed)}
    return [f"go1.{minor}.{patch}" for minor, patch in sorted(found) if OLDEST <= minor <= NEWEST]


def measure_release(release: str, folder: Path) -> dict[str, Any]:
    """Offsets and wait reasons of one release, from a program built with it in that folder."""
    (folder / "go.mod").write_text(f"module example.com/offsets\n\ngo 1.{OLDEST}\n")
    (folder / "main.go").write_text(_PROGRAM)
    program = folder / release
    settings = [f"GOTOOLCHAIN={release}", "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false", "GOEXPERIMENT=", "GOARCH=amd64"]
    _run(["env", "-C", str(folder), *settings, "GOOS=linux", "go", "build", "-o", str(program), "."])
    with Elf(program) as elf:
        built = read_build_info(elf).go_version
        if built != release:
            raise BinaryError(
                f"the program for {release} is built with {built}; check GOTOOLCHAIN of this machine's Go"
            )
        return {"offsets": dwarf.measure(elf), "wait_reasons": dwarf.wait_reasons(elf)}


def render(measured: dict[str, dict[str, Any]]) -> str:
    """The text of layouts.json: equal layouts once, releases in the order given, keys sorted."""
    groups: dict[str, list[str]] = {}
    for release, layout in measured.items():
        groups.setdefault(json.dumps(layout, sort_keys=True), []).append(release)
    layouts = [{"releases": names, **json.loads(text)} for text, names in groups.items()]
    for layout in layouts:
        layout["wait_reasons"] = dict(sorted(layout["wait_reasons"].items(), key=lambda item: int(item[0])))
    return json.dumps({"generated_by": "make offsets", "layouts": layouts}, indent=1) + "\n"


def main() -> int:
    """Exit status 0, or 2 with one sentence on stderr."""
    measured = {}
    try:
        with tempfile.TemporaryDirectory() as folder:
            for release in releases():
                measured[release] = measure_release(release, Path(folder))
                print(release, file=sys.stderr)
        TABLE.write_text(render(measured))
    except OtelchanError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    except OSError as error:
        raise BinaryError(f"{command[0]} cannot be started: {error.strerror}; install Go 1.21 or newer") from None
    if done.returncode:
        raise BinaryError(f"{' '.join(command)} failed: {done.stderr.strip()}; check this machine's Go and network")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
