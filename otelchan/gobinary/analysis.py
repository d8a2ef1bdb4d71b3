"""analyse() in a child process, so that neither its memory nor its seconds are the agent's; results are kept."""

from __future__ import annotations

import gc
import hashlib
import logging
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import TypeVar

from otelchan.errors import BinaryError
from otelchan.gobinary.imagecache import ImageCache
from otelchan.gobinary.imagecodec import pack, unpack
from otelchan.gobinary.types import GoImage
from otelchan.gobinary.unreadable import unreadable

log = logging.getLogger("otelchan")

_ROOT = str(Path(__file__).parents[2])
# -P and an explicit folder: the child imports this very package, and nothing from the current folder. One thread for
# numpy: each more would take a stack of its own, and there is no linear algebra here.
_CHILD = """
import os, sys
os.environ["OPENBLAS_NUM_THREADS"] = "1"
sys.path.insert(0, sys.argv[1])
from otelchan.gobinary.analysis import serve
serve(sys.argv[2])
"""
# pyelftools and capstone are imported in the child only: 10 MB that the agent does not keep.
_TIMEOUT_S = 300
_NICER = 5
_LEAST_MEMORY = 200 << 20  # bytes of its own, without the file's pages; 110 MB of executable take 90 MB
_MEMORY_PER_BYTE = 2  # of the executable, where that is more
_MOST_IMAGES = 64
_IMAGE, _ERROR = b"image\n", b"error\n"

_File = tuple[int, ...]  # device, inode, size, time of change
_images: dict[_File, GoImage] = {}
_builds: dict[str, GoImage] = {}  # by SHA-256 of the executable: the same one, also as another file (a container's)
_Key = TypeVar("_Key", _File, str)


class _Disk:
    """Where images outlive this process; nowhere, unless somebody says so."""

    cache: ImageCache | None = None


def keep_in(folder: Path | None) -> None:
    """From now on images are kept in this folder too, and taken from it; None: only in memory."""
    _Disk.cache = ImageCache(folder) if folder else None


def kept_in() -> Path | None:
    """The folder that keep_in was told."""
    return _Disk.cache.folder if _Disk.cache else None


def analyse_cached(path: str | Path) -> GoImage:
    """The image of the executable at `path`, analysed once per build in a child process of low priority.

    Two files are the same build when they have the same contents. The image keeps its file open, so the path may vanish
    afterwards. Raises BinaryError as analyse().
    """
    status = _stat(path)
    file = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    if file not in _images:
        digest = _digest(path)
        image = _builds.get(digest) or _from_disk(digest, str(path), status) or _analysed(digest, str(path), status)
        image.functions.open()
        _keep(_builds, digest, image)
        _keep(_images, file, image)
    return _images[file]


def serve(path: str) -> None:
    """The child: writes the packed GoImage, or what the BinaryError says."""
    from otelchan.gobinary.image import analyse

    os.nice(_NICER)
    gc.disable()  # a third of the time goes into looking for cycles, of which there are hardly any
    try:
        most = max(_LEAST_MEMORY, _MEMORY_PER_BYTE * _stat(path).st_size)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
        result = _IMAGE + pack(analyse(path))
    except BinaryError as error:
        result = _ERROR + str(error).encode()
    except MemoryError:
        wanted = f"{path} takes more than {most >> 20} MiB of memory to analyse"
        result = _ERROR + f"{wanted}; build it without debug data (-ldflags=-w)".encode()
    sys.stdout.buffer.write(result)


def _stat(path: str | Path) -> os.stat_result:
    try:
        return Path(path).stat()
    except OSError as error:
        raise unreadable(path, error) from None


def _digest(path: str | Path) -> str:
    """A tenth of a second for 110 MB. Build IDs would be quicker, but two containers may claim the same one."""
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise unreadable(path, error) from None


def _keep(images: dict[_Key, GoImage], key: _Key, image: GoImage) -> None:
    """The newest few only: each keeps its file open."""
    while len(images) >= _MOST_IMAGES and key not in images:
        del images[next(iter(images))]
    images[key] = image


def _from_disk(digest: str, path: str, status: os.stat_result) -> GoImage | None:
    packed = _Disk.cache.load(digest) if _Disk.cache else None
    try:
        return unpack(packed, path, status.st_size, status.st_mtime_ns) if packed else None
    except ValueError as error:
        log.debug("the cached image of %s is not used: %s", path, error)
        return None


def _analysed(digest: str, path: str, status: os.stat_result) -> GoImage:
    packed = _analyse_apart(path)
    image = unpack(packed, path, status.st_size, status.st_mtime_ns)
    if _Disk.cache:
        _Disk.cache.store(digest, packed)
    return image


def _analyse_apart(path: str) -> bytes:
    """The packed image. Raises BinaryError."""
    command = [sys.executable, "-P", "-c", _CHILD, _ROOT, path]
    try:
        child = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise BinaryError(
            f"{path} is not analysed after {_TIMEOUT_S} s; start again when the machine is less busy"
        ) from None
    if child.returncode < 0:
        name = signal.Signals(-child.returncode).name
        raise BinaryError(f"the analysis of {path} was ended by {name}; check free memory, and that the file is whole")
    if child.stdout.startswith(_ERROR):
        raise BinaryError(child.stdout.removeprefix(_ERROR).decode(errors="replace"))
    if child.returncode > 0 or not child.stdout.startswith(_IMAGE):
        raise RuntimeError(f"the analysis of {path} failed:\n{child.stderr.decode(errors='replace')}")
    return child.stdout.removeprefix(_IMAGE)
