"""What a version of otelchan leaves on disk, made by that version itself: `python -m tests.support.old_state COMMIT`.

Writes a folder in tests/unit/deploy/old, which tests/unit/deploy/test_upgrade.py reads: root, and a clone that has the
commit. Run it with the last release's commit before the next one, so that what people have on their disks can be read.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.gobuild import build

ROOT = Path(__file__).resolve().parents[2]
OLD = ROOT / "tests/unit/deploy/old"
BINARY, PACKED = (".snapshot", ".recording", ".gz", ".image"), ".b64"
"""Which files are kept in base64, for nothing binary is kept in git; and how their names end then."""
_SCHEMA = """
import json, msgspec
from otelchan.recording.format import FORMAT, Event
print(json.dumps({"format": FORMAT, **msgspec.json.schema(Event)}, indent=1))
"""


class Version:
    """A commit's otelchan in a folder, with the packages that are installed here."""

    def __init__(self, commit: str, folder: Path) -> None:
        self.folder = folder
        tree = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x", "-C", str(folder)], input=tree, check=True)
        objects = folder / "otelchan/bpf"
        named = f"otelchan.{os.uname().machine}.bpf.o" if (folder / "hatch_build.py").exists() else "otelchan.bpf.o"
        subprocess.run(["make", "-C", str(folder), str(objects.relative_to(folder) / named)], check=True)

    def run(self, *arguments: object) -> str:
        """A command of otelchan; what it printed."""
        return self.python("-m", "otelchan", *map(str, arguments))

    def python(self, *arguments: str) -> str:
        """Its Python, as `python ARGUMENTS` in its folder."""
        environment = {**os.environ, "PYTHONPATH": str(self.folder)}
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return done.stdout


@contextmanager
def leaking() -> Iterator[int]:
    """The pid of a program that leaks."""
    with subprocess.Popen([build("leaky", go="1.27.3")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as leaky:
        try:
            yield leaky.pid
        finally:
            leaky.kill()


def write(version: Version, commit: str, folder: Path) -> None:
    """Everything that outlives a run, see docs/upgrading.md."""
    settings, cache = folder / "settings.yaml", folder / "cache"
    settings.write_text(f"image_cache: {cache}\n")
    (folder / "otelchan.yaml").write_text(version.run("config", "print", "--defaults"))
    (folder / "recording.schema.json").write_text(version.python("-c", _SCHEMA))
    with leaking() as pid:
        version.run("snapshot", pid, "-o", folder / "leaky.snapshot")
        version.run("record", pid, "-o", folder / "leaky.recording", "--duration", 2)
        lines = folder / "lines"
        version.run("run", pid, "--interval", 2, "--duration", 5, "--otlp-file", lines, "--config", settings)
    (folder / "leaky.otlp.gz").write_bytes(gzip.compress(_few(lines), mtime=0))
    (folder / "made-by.json").write_text(
        json.dumps({"commit": commit, "version": version.run("--version").strip()}) + "\n"
    )
    lines.unlink()
    settings.unlink()
    for path in [path for path in folder.rglob("*") if path.is_file() and path.suffix in BINARY]:
        path.with_name(path.name + PACKED).write_bytes(base64.encodebytes(path.read_bytes()))
        path.unlink()


def unpack(packed: Path, folder: Path) -> Path:
    """What `write` wrote, as it was on disk, in a new folder; the folder."""
    shutil.copytree(packed, folder)
    for path in folder.rglob("*" + PACKED):
        path.with_suffix("").write_bytes(base64.decodebytes(path.read_bytes()))
        path.unlink()
    for path in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        path.chmod(0o700)
    return folder


def _few(lines: Path) -> bytes:
    """Three rounds of metrics, and the shortest line of spans: the rest says nothing that these do not."""
    every = lines.read_bytes().splitlines(keepends=True)
    metrics = [line for line in every if b'"resourceMetrics"' in line]
    spans = [line for line in every if b'"resourceSpans"' in line]
    return b"".join([*metrics[:3], *sorted(spans, key=len)[:1]])


def main() -> None:
    """The folder anew."""
    (commit,) = sys.argv[1:]
    full = subprocess.run(
        ["git", "rev-parse", commit], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()
    with tempfile.TemporaryDirectory() as tree, tempfile.TemporaryDirectory() as made:
        write(Version(full, Path(tree)), full, Path(made))
        shutil.rmtree(OLD / full[:7], ignore_errors=True)
        shutil.copytree(made, OLD / full[:7])


if __name__ == "__main__":
    main()
