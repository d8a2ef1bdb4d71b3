"""otelchan's image, built from deploy/image/Dockerfile by buildah, and unpacked. mmdebstrap makes the base, for there
is no registry here.

    image = built()      # minutes the first time of all, seconds when only otelchan has changed, none when nothing has
    image.rootfs         # one folder, read only: give it to tests.support.runc.container

The base has what the Dockerfile installs into its first stage, so that this is downloaded once and kept: apt-get finds
it there. It also has this machine's pip.conf and certificates, as behind a proxy it must.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.stack import cache_dir
from tests.support.runc import Image, Json

REPO = Path(__file__).resolve().parents[2]
FOLDER = REPO / "deploy" / "image"
DOCKERFILE = FOLDER / "Dockerfile"
IGNORE = FOLDER / "Dockerfile.dockerignore"
EPOCH = 1577836800
"""Default of the Dockerfile's SOURCE_DATE_EPOCH."""
TIMEOUT = 900.0
_LONG_S = 7200.0  # no run of the tests takes longer


@dataclass(frozen=True)
class Built(Image):
    """compressed_bytes: what is pulled. layer: digest of the only layer."""

    compressed_bytes: int = 0
    layer: str = ""


def built() -> Built:
    """The image of this tree. AssertionError with the last words of what failed.

    Kept under a digest of everything that goes into it; processes that ask at the same time wait for one.
    """
    with _only_one(), _context() as source:
        target = _home() / f"otelchan-{_digest(source)}"
        if not (target / "config.json").exists():
            _build(source, "--layers", "--target", "build", "--tag", "localhost/otelchan:build")  # to be kept
            _build(source, "--layers", "--tag", "localhost/otelchan:test")
            _buildah("rmi", "--prune")
            _unpack(target)
        os.utime(target)
        _forget(target)
        return read(target)


def read(folder: Path) -> Built:
    """What was unpacked there."""
    about = json.loads((folder / "config.json").read_text())
    return Built(folder / "rootfs", about["config"], about["compressed_bytes"], about["layer"])


def again(folder: Path) -> Built:
    """Build it once more, from another folder and with nothing kept but the base, and unpack it."""
    with _only_one(), _context() as source:
        _build(source, "--no-cache", "--tag", "localhost/otelchan:test")
        _unpack(folder)
    return read(folder)


def revision() -> str:
    """The commit of this clone."""
    line = ["git", "-c", f"safe.directory={REPO}", "-C", str(REPO), "rev-parse", "HEAD"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def context() -> list[Path]:
    """Files that the build sees: what Dockerfile.dockerignore lets through."""
    allowed = [line[1:] for line in IGNORE.read_text().splitlines() if line.startswith("!")]
    found = []
    for name in allowed:
        place = REPO / name
        found += [place] if place.is_file() else [path for path in place.rglob("*") if path.is_file()]
    compiled = REPO / "otelchan" / "bpf"  # in this tree; the build makes its own
    return sorted(path for path in found if "__pycache__" not in path.parts and compiled not in path.parents)


@contextlib.contextmanager
def _context() -> Iterator[Path]:
    """A copy of them: what is being edited in this tree is not built half."""
    with tempfile.TemporaryDirectory(prefix="otelchan-context-") as temporary:
        for path in context():
            target = Path(temporary) / path.relative_to(REPO)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)
        yield Path(temporary)


def _build(source: Path, *options: str) -> None:
    _base()
    arguments = {"BASE": _base_name(), "REVISION": revision(), "SOURCE": "https://example.com/otelchan"}
    line = ["bud", "--isolation", "chroot", *options, "--timestamp", str(EPOCH), "--ignorefile", str(IGNORE)]
    for name, value in arguments.items():
        line += ["--build-arg", f"{name}={value}"]
    _buildah(*line, "--file", str(DOCKERFILE), str(source))


def _base_name() -> str:
    return f"localhost/debian:{hashlib.sha256(' '.join(_base_packages()).encode()).hexdigest()[:12]}"


def _base_packages() -> list[str]:
    """What the first stage of the Dockerfile installs."""
    (names,) = re.findall(r"--no-install-recommends ([^&\n]+)", DOCKERFILE.read_text().replace("\\\n", ""))
    return sorted(names.split())


def _base() -> None:
    """Make the base if there is none: Debian 12 with apt, and those packages."""
    name = _base_name()
    if _buildah("images", "--quiet", "--filter", f"reference={name}").strip():
        return
    container = _buildah("from", "scratch").strip()
    try:
        place = _buildah("mount", container).strip()
        options = [f"--include={','.join(_base_packages())}", "--variant=apt", "--format=directory"]
        options += [f"--dpkgopt=path-exclude=/usr/share/{each}/*" for each in ("doc", "man", "locale")]
        for file in ("/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt"):
            if Path(file).exists():
                options.append(f"--customize-hook=upload {file} {file}")
        _run(["mmdebstrap", *options, "bookworm", place])
        _buildah("umount", container)
        _buildah("commit", "--quiet", container, name)
    finally:
        _buildah("rm", container)


def _unpack(target: Path) -> None:
    """Push the image into a folder as registries keep it, and unpack its one layer."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="unpacking-") as temporary:  # /tmp may be another device
        folder = Path(temporary)
        _buildah("push", "--quiet", "localhost/otelchan:test", f"oci:{folder}/oci:test")
        manifest = _blob(folder / "oci", json.loads((folder / "oci/index.json").read_text())["manifests"][0]["digest"])
        (layer,) = manifest["layers"]
        (folder / "image/rootfs").mkdir(parents=True)
        archive = folder / "oci/blobs" / layer["digest"].replace(":", "/")
        _run(["tar", "-xpf", str(archive), "--numeric-owner", "-C", str(folder / "image/rootfs")])
        config = _blob(folder / "oci", manifest["config"]["digest"])
        about = {
            "config": config["config"],
            "compressed_bytes": layer["size"],
            "layer": config["rootfs"]["diff_ids"][0],
        }
        (folder / "image/config.json").write_text(json.dumps(about, indent=1))
        (folder / "image").rename(target)


def _blob(layout: Path, digest: str) -> Json:
    found: Json = json.loads((layout / "blobs" / digest.replace(":", "/")).read_text())
    return found


def _digest(source: Path) -> str:
    """Of all that the result depends on, but for what Debian and PyPI have today."""
    whole = hashlib.sha256(f"{revision()}\0{_base_name()}".encode())
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        whole.update(f"\0{path.relative_to(source)}\0".encode() + path.read_bytes())
    return whole.hexdigest()[:16]


def _forget(used: Path) -> None:
    """Those that no run can still use; each takes 160 MB, and every commit makes another."""
    for path in _home().glob("otelchan-*"):
        if path != used and path.stat().st_mtime < time.time() - _LONG_S:
            shutil.rmtree(path, ignore_errors=True)


def _home() -> Path:
    return cache_dir() / "image"


def _buildah(*arguments: str) -> str:
    store = ["--root", str(_home() / "store"), "--runroot", str(_home() / "run")]
    return _run(["buildah", *store, *arguments])


def _run(command: list[str]) -> str:
    program = shutil.which(command[0])
    assert program, f"{command[0]} is not there: run scripts/setup.sh --deploy"
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    words = f"{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    assert done.returncode == 0, f"`{' '.join(command)}` answered {done.returncode}:\n{words}"
    return done.stdout


@contextlib.contextmanager
def _only_one() -> Iterator[None]:
    _home().mkdir(parents=True, exist_ok=True)
    with (_home() / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
