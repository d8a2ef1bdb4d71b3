"""Analysed images on disk, so that attaching to a known executable takes no seconds.

One file per executable, named after the SHA-256 of its contents. A file says itself what its contents must hash to and
which otelchan wrote it; one that is cut short, changed, or of another otelchan is not used. The folder must be ours
alone: an image says where probes go.
"""

from __future__ import annotations

import hashlib
import logging
import os
import stat
from contextlib import suppress
from functools import cache
from pathlib import Path

from otelchan.files import NEW, own_folder

log = logging.getLogger("otelchan")

MOST_FILES = 256
MOST_BYTES = 64 << 20
_MAGIC = b"otelchan image 1\n"
_DIGEST = 32  # bytes of a SHA-256
_SUFFIX = ".image"


@cache
def maker() -> bytes:
    """What an analysis depends on besides the executable: this stage's own code and tables."""
    here = hashlib.sha256()
    folder = Path(__file__).parent
    for path in sorted(path for path in folder.rglob("*") if path.suffix in (".py", ".json")):
        here.update(f"{path.relative_to(folder)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return here.digest()


class ImageCache:
    """A folder of images. What goes wrong with it is said at level debug, and is never an error."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, digest: str) -> bytes | None:
        """What was stored for the executable with that SHA-256; None when nothing that can be trusted was."""
        name = digest + _SUFFIX
        try:
            with own_folder(self.folder, create=False) as folder:
                data = _read(folder, name)
                os.utime(name, dir_fd=folder, follow_symlinks=False)  # the least recently used goes first
        except FileNotFoundError:
            return None
        except OSError as error:
            log.debug("the image cache %s is not read: %s", self.folder, error)
            return None
        problem = _problem(data)
        if problem:
            log.debug("the cached image %s/%s is not used: %s", self.folder, name, problem)
            return None
        return data[len(_MAGIC) + 2 * _DIGEST :]

    def store(self, digest: str, contents: bytes) -> None:
        """Keep it, and let go of the least recently used when there are too many."""
        data = _MAGIC + maker() + hashlib.sha256(contents).digest() + contents
        if len(data) > MOST_BYTES:
            log.debug("an image of %d bytes is not cached: that is too much", len(data))
            return
        try:
            with own_folder(self.folder, create=True) as folder:
                _write(folder, digest + _SUFFIX, data)
                _prune(folder)
        except OSError as error:
            log.debug("the image cache %s is not written: %s", self.folder, error)


def _read(folder: int, name: str) -> bytes:
    # O_NONBLOCK: a named pipe must not stop the agent
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, dir_fd=folder), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_size > MOST_BYTES:
            raise PermissionError(f"{name} is not a file of ours of at most {MOST_BYTES} bytes")
        return file.read(MOST_BYTES)


def _problem(data: bytes) -> str:
    """Why what is in a file is not used; "" when it is."""
    start = len(_MAGIC) + 2 * _DIGEST
    if len(data) < start or not data.startswith(_MAGIC):
        return "it is no image of this form"
    if data[len(_MAGIC) :][:_DIGEST] != maker():
        return "another otelchan wrote it"
    if data[start - _DIGEST : start] != hashlib.sha256(data[start:]).digest():
        return "it was cut short or changed"
    return ""


def _write(folder: int, name: str, data: bytes) -> None:
    """Under its name only when it is whole."""
    temporary = f"{name}.{os.getpid()}{NEW}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(temporary, flags, 0o600, dir_fd=folder), "wb") as file:
            file.write(data)
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise


def _prune(folder: int) -> None:
    """Keeps the newest files within both limits; what a killed otelchan left half written goes like any other."""
    kept = taken = 0
    with os.scandir(folder) as entries:
        found = [(entry.stat(follow_symlinks=False), entry.name) for entry in entries]
    for status, name in sorted(found, key=lambda item: item[0].st_mtime_ns, reverse=True):
        if not name.endswith((_SUFFIX, NEW)):
            continue
        kept, taken = kept + 1, taken + status.st_size
        if kept > MOST_FILES or taken > MOST_BYTES:
            with suppress(FileNotFoundError):  # another otelchan was faster
                os.unlink(name, dir_fd=folder)
