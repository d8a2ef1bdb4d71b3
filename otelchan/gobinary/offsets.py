"""`python -m otelchan.gobinary.offsets`: measures the supported Go releases and writes layouts*.json.

Each release is fetched by Go itself (GOTOOLCHAIN) and builds a small program, whose DWARF is read. Releases with equal
layouts share one entry. Takes a few minutes and 250 MB of disk per release the first time.

Of Go 1.26 and newer every release that the module proxy has is measured. Of each older version the first and the last
release are; where they differ, those between them until it is known with which one the layout changed. A release that
lies between two measured ones with equal layouts is entered as equal to them. "measured" in the file says which were.

"experiments" are those of GOEXPERIMENT, alone, that leave the layout as it is: measured with the last release of each
entry, for amd64 only, which takes a quarter of an hour.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from otelchan.errors import BinaryError, OtelchanError
from otelchan.gobinary import dwarf
from otelchan.gobinary.buildinfo import NEWEST, OLDEST, read_build_info, supported_release
from otelchan.gobinary.elf import Elf
from otelchan.gobinary.layouts import TABLES

Measured = dict[str, Any]

EVERY_RELEASE_SINCE = 26
_NOT_THERE = re.compile(r"40[34] |410 |toolchain not available")
_FIRST_WITH_ZERO = 21  # "go1.21.0", but "go1.20"
_PROGRAM = """package main

func main() {
	c := make(chan int, 1)
	c <- 1
	<-c
}
"""


class NotAvailable(BinaryError):
    """The module proxy does not have that release of Go."""


def releases() -> dict[int, list[int]]:
    """Of each supported Go version the patch releases that the module proxy lists for linux/amd64, oldest first.

    The list has gaps, of releases that the proxy has all the same.
    """
    listed = _run(["go", "list", "-m", "-versions", "golang.org/toolchain"])
    found = {(int(a), int(b)) for a, b in re.findall(r"v0\.0\.1-go1\.(\d+)\.(\d+)\.linux-amd64", listed)}
    return {minor: sorted(b for a, b in found if a == minor) for minor in range(OLDEST, NEWEST + 1)}


def name_of(minor: int, patch: int) -> str:
    """A release's name: "go1.20" for the first of Go 1.20, "go1.21.0" for the first of Go 1.21."""
    return f"go1.{minor}" if patch == 0 and minor < _FIRST_WITH_ZERO else f"go1.{minor}.{patch}"


def fill(last: int, measure: Callable[[int], Measured | None]) -> tuple[dict[int, Measured], set[int]]:
    """The layouts of the patch releases 0 to `last`, and which of them were measured: as few as prove the rest.

    measure: None for a release that cannot be had. Then, and when the layout changed there, it has no layout.
    """
    found = {patch: layout for patch in {0, last} if (layout := measure(patch)) is not None}
    measured = set(found)

    def between(low: int, high: int) -> None:
        if found[low] == found[high]:
            found.update(dict.fromkeys(range(low, high), found[low]))
            return
        for middle in sorted(range(low + 1, high), key=lambda patch: abs(2 * patch - low - high)):
            layout = measure(middle)
            if layout is not None:
                found[middle] = layout
                measured.add(middle)
                between(low, middle)
                between(middle, high)
                return

    between(min(found), max(found))
    return dict(sorted(found.items())), measured


def measure_release(release: str, folder: Path, architecture: str = "amd64", experiment: str = "") -> Measured:
    """Offsets and wait reasons of one release, from a program built with it in that folder.

    Raises NotAvailable when the module proxy does not have the release.
    """
    (folder / "go.mod").write_text(f"module example.com/offsets\n\ngo 1.{OLDEST}\n")
    (folder / "main.go").write_text(_PROGRAM)
    program = folder / release
    settings = [f"GOTOOLCHAIN={release}", "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false", f"GOEXPERIMENT={experiment}"]
    settings.append(f"GOARCH={architecture}")
    _run(["env", "-C", str(folder), *settings, "GOOS=linux", "go", "build", "-o", str(program), "."])
    with Elf(program) as elf:
        built = supported_release(release, read_build_info(elf).go_version)
        if (built.name, built.experiments) != (release, experiment):
            raise BinaryError(
                f"the program for {release} is built with {built.name} and GOEXPERIMENT={built.experiments!r}; check "
                "GOTOOLCHAIN of this machine's Go"
            )
        return {"offsets": dwarf.measure(elf), "wait_reasons": dwarf.wait_reasons(elf)}


def harmless_experiments(release: str, layout: Measured, folder: Path) -> list[str]:
    """The experiments of that release, as its version string names them, with which it has that layout too."""
    root = Path(_run(["env", f"GOTOOLCHAIN={release}", "go", "env", "GOROOT"]).strip())
    text = (root / "src" / "internal" / "goexperiment" / "flags.go").read_text()
    names = [name.lower() for name in re.findall(r"^\t(\w+) +bool$", text, re.MULTILINE)]
    harmless = []
    for name in names:
        for change in [change for change in (name, f"no{name}") if _is_change(release, change)]:
            try:
                same = measure_release(release, folder, experiment=change) == layout
            except BinaryError:
                continue  # it is what the release does by default, or does not compile on its own
            print(release, change, "is harmless" if same else "is not", file=sys.stderr)
            harmless += [change] if same else []
            break
    return sorted(harmless)


def _is_change(release: str, experiment: str) -> bool:
    """Whether it is not what the release does by default."""
    settings = [f"GOTOOLCHAIN={release}", f"GOEXPERIMENT={experiment}", "GOARCH=amd64", "GOOS=linux"]
    return _run(["env", *settings, "go", "env", "GOEXPERIMENT"]).strip() == experiment


def grouped(layouts: dict[str, Measured]) -> list[list[str]]:
    """Releases by equal layouts, in the order given."""
    groups: dict[str, list[str]] = {}
    for release, layout in layouts.items():
        groups.setdefault(json.dumps(layout, sort_keys=True), []).append(release)
    return list(groups.values())


def render(
    layouts: dict[str, Measured], measured: Iterable[str], experiments: Mapping[str, Iterable[str]] | None = None
) -> str:
    """The text of layouts.json: equal layouts once, keys sorted. experiments: harmless ones by release."""
    known = set(measured)
    entries = []
    for names in grouped(layouts):
        layout = layouts[names[0]]
        entries.append(
            {
                "releases": names,
                "measured": [name for name in names if name in known],
                "experiments": sorted({each for name in names for each in (experiments or {}).get(name, ())}),
                "offsets": dict(sorted(layout["offsets"].items())),
                "wait_reasons": dict(sorted(layout["wait_reasons"].items(), key=lambda item: int(item[0]))),
            }
        )
    return json.dumps({"generated_by": "make offsets", "layouts": entries}, indent=1) + "\n"


def main(architectures: Iterable[str] = ()) -> int:
    """architectures: as GOARCH, all by default. Exit status 0, or 2 with one sentence on stderr."""
    try:
        for architecture in architectures or TABLES:
            TABLES[architecture].write_text(_table(architecture))
    except OtelchanError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _table(architecture: str) -> str:
    layouts: dict[str, Measured] = {}
    measured: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        for minor, patches in releases().items():
            found, really = _measure_version(minor, patches, Path(folder), architecture)
            layouts.update({name_of(minor, patch): layout for patch, layout in found.items()})
            measured |= {name_of(minor, patch) for patch in really}
        last = [[name for name in names if name in measured][-1] for names in grouped(layouts)]
        experiments = {
            name: harmless_experiments(name, layouts[name], Path(folder)) for name in last if architecture == "amd64"
        }
    return render(layouts, measured, experiments)


def _measure_version(
    minor: int, patches: list[int], folder: Path, architecture: str
) -> tuple[dict[int, Measured], set[int]]:
    if not patches:
        raise BinaryError(f"the module proxy lists no release of Go 1.{minor}; check GOPROXY, or try again later")

    def measure(patch: int) -> Measured | None:
        try:
            layout = measure_release(name_of(minor, patch), folder, architecture)
        except NotAvailable:
            layout = None
        print(architecture, name_of(minor, patch), "measured" if layout else "is not available", file=sys.stderr)
        return layout

    if minor >= EVERY_RELEASE_SINCE:
        found = {patch: layout for patch in patches if (layout := measure(patch)) is not None}
        return found, set(found)
    return fill(patches[-1], measure)


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    except OSError as error:
        raise BinaryError(f"{command[0]} cannot be started: {error.strerror}; install Go 1.21 or newer") from None
    if done.returncode and _NOT_THERE.search(done.stderr):
        raise NotAvailable(f"the module proxy does not give that release of Go: {done.stderr.strip()}")
    if done.returncode:
        raise BinaryError(f"{' '.join(command)} failed: {done.stderr.strip()}; check this machine's Go and network")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
