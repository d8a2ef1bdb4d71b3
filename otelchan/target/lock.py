"""One otelchan per target: two would attach the same probes twice and count each other's cost."""

from __future__ import annotations

import errno
import fcntl
import functools
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from otelchan.errors import TargetError
from otelchan.target.types import Process

log = logging.getLogger("otelchan")

FOLDER = Path("/run/otelchan")


@contextmanager
def lock(process: Process, folder: Path = FOLDER) -> Iterator[bool]:
    """Hold the lock of a process; the kernel lets go of it also when this agent is killed.

    False: it is held by nobody, because the folder is on a file system that nobody may write, as a container's often
    is. That is said, and no reason to refuse: a container's own folder would tell of no agent outside either.
    Raises TargetError with the process id of the other otelchan that has it, or when the folder cannot be written.
    """
    path = folder / f"{process.pid}-{process.start_ticks}.lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = _open_locked(path, process)
    except OSError as error:
        if error.errno != errno.EROFS:
            raise TargetError(
                f"the lock {path} cannot be taken: {error.strerror}; run as root, or remove {folder} when a user who "
                "does not run otelchan any more has left it"
            ) from None
        _say_unlocked(folder)
        yield False
        return
    try:
        yield True
    finally:
        with suppress(OSError):  # it may be gone, or not be ours to remove any more: closed, it is nobody's
            path.unlink()  # while it is still locked, so that it is ours that goes
        os.close(descriptor)


@functools.cache
def _say_unlocked(folder: Path) -> None:
    """Once, not for each program."""
    log.warning(
        "no locks are kept in %s, which is on a read-only file system: another otelchan may watch the same programs "
        "too, at twice the cost; mount a folder there that may be written",
        folder,
    )


def watcher(process: Process, folder: Path = FOLDER) -> str:
    """The process id of the otelchan that watches a process, as it wrote it down; "" when none does.

    Takes nothing, and needs no more than to read the folder; "unknown" when it may not.
    """
    try:
        descriptor = os.open(folder / f"{process.pid}-{process.start_ticks}.lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return ""
    except OSError:
        return "unknown"
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # let go of at once
    except BlockingIOError:
        return os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
    finally:
        os.close(descriptor)
    return ""


def _open_locked(path: Path, process: Process) -> int:
    """The locked file's descriptor. The file may be removed by its last holder between opening and locking it."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise TargetError(
                f"process {process.pid} ({process.executable}) is already watched by otelchan with process id "
                f"{holder}; stop that one first"
            ) from None
        with suppress(FileNotFoundError):
            if path.stat().st_ino == os.fstat(descriptor).st_ino:
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
                return descriptor
        os.close(descriptor)
