"""Files that are there whole or not at all, and folders that are ours alone."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

NEW = ".new"
"""What the name of a file ends with that is not whole yet."""


@contextmanager
def own_folder(path: Path, create: bool) -> Iterator[int]:
    """The descriptor of a folder that nobody else may read or write. create: make it when it is not there.

    Raises OSError when it is not there, or not ours alone.
    """
    if create:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if status.st_uid != os.geteuid() or status.st_mode & 0o077:
            mode = stat.S_IMODE(status.st_mode)
            raise PermissionError(f"it belongs to user {status.st_uid} with mode {mode:o}, not to us alone")
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def whole_file(path: str | Path, replace: bool, mode: int = 0o666) -> Iterator[BinaryIO]:
    """A file to write that is under its name when the block ends well, on disk, and never otherwise.

    replace: whether a file of that name may go. mode: before the umask. Raises OSError; FileExistsError, also when the
    other file came in meanwhile, and then that one stays.
    """
    path = Path(path)
    if _is_special(path):
        raise OSError(22, "it is not a regular file", str(path))
    if not replace and path.exists():
        raise FileExistsError(17, "File exists", str(path))
    temporary = path.with_name(f".{path.name}.{os.getpid()}{NEW}")
    temporary.unlink(missing_ok=True)  # in a folder of everybody's it may be somebody else's
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if replace:
            temporary.replace(path)
        else:
            path.hardlink_to(temporary)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()
    _sync(path.parent)


def _is_special(path: Path) -> bool:
    """As /dev/null or /dev/stdout: with a file renamed over it, it would be gone for everybody."""
    if path.is_symlink() and path.readlink().parts[:2] == ("/", "proc"):
        return True
    return path.exists() and not path.is_file()


def _sync(folder: Path) -> None:
    """The name of a new file is on disk only when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
