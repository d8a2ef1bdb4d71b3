"""Core files: small ones made by hand, and real ones of a program that is made to crash or is photographed by gcore."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import struct
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.support import require_kernel
from tests.support.blocked import Blocked

PAGE = 4096
CORE_PATTERN = Path("/proc/sys/kernel/core_pattern")
_HEADER, _SEGMENT = 64, 56
_PRSTATUS, _PRPSINFO, _AUXV, _FILE = 1, 3, 6, 0x46494C45


class Part(NamedTuple):
    """A PT_LOAD. size: in memory; what is not in `data` was left out."""

    address: int
    data: bytes
    size: int = 0


def note(number: int, data: bytes, owner: bytes = b"CORE\0") -> bytes:
    """One note as it is in a PT_NOTE."""
    name = owner + bytes(-len(owner) % 4)
    return struct.pack("<III", len(owner), len(data), number) + name + data + bytes(-len(data) % 4)


def thread(number: int) -> bytes:
    """NT_PRSTATUS of a thread that a signal ended, 0: none did."""
    status = bytearray(336)
    struct.pack_into("<H", status, 12, number)
    return note(_PRSTATUS, bytes(status))


def process(pid: int) -> bytes:
    """NT_PRPSINFO."""
    info = bytearray(136)
    struct.pack_into("<i", info, 24, pid)
    return note(_PRPSINFO, bytes(info))


def auxiliary(**values: int) -> bytes:
    """NT_AUXV: phdr, phnum, entry, execfn."""
    numbers = {"phdr": 3, "phnum": 5, "entry": 9, "execfn": 31}
    return note(_AUXV, b"".join(struct.pack("<QQ", numbers[name], value) for name, value in values.items()))


def files(*mapped: tuple[int, int, int, str]) -> bytes:
    """NT_FILE: start, end, offset in bytes, path."""
    rows = b"".join(struct.pack("<QQQ", start, end, offset // PAGE) for start, end, offset, _ in mapped)
    names = b"".join(path.encode() + b"\0" for *_, path in mapped)
    return note(_FILE, struct.pack("<QQ", len(mapped), PAGE) + rows + names)


def write_core(
    path: Path, parts: Iterable[Part] = (), notes: Iterable[bytes] = (), kind: int = 4, machine: int = 62
) -> Path:
    """A core file with these parts, one behind the other, the notes first."""
    text, loads = b"".join(notes), list(parts)
    at = _HEADER + _SEGMENT * (len(loads) + 1)
    segments = [struct.pack("<IIQQQQQQ", 4, 0, at, 0, 0, len(text), 0, 4)]
    body, at = text, at + len(text)
    for load in loads:
        size = load.size or len(load.data)
        segments.append(struct.pack("<IIQQQQQQ", 1, 6, at, load.address, 0, len(load.data), size, PAGE))
        body, at = body + load.data, at + len(load.data)
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    counts = (_HEADER, _SEGMENT, len(segments), 0, 0, 0)
    header = ident + struct.pack("<HHIQQQIHHHHHH", kind, machine, 1, 0, _HEADER, 0, 0, *counts)
    path.write_bytes(header + b"".join(segments) + body)
    return path


class Crashing(NamedTuple):
    """A running `blocked` that will leave a core in its folder."""

    program: Blocked
    process: subprocess.Popen[str]
    folder: Path

    def crash(self) -> Path:
        """End it by SIGABRT; its core: the kernel's where that keeps it beside the program, else gcore's from before.

        What it printed about its goroutines is in the file `dump` beside it.
        """
        before = None if kernel_writes_here() else self.photograph()
        os.kill(self.process.pid, signal.SIGABRT)
        self.process.wait(60)
        if before:
            return before
        (core,) = self.folder.glob("core*")
        return core

    def photograph(self) -> Path:
        """A core by gcore, of the process that goes on. A gigabyte of mostly zeros: remove it."""
        if shutil.which("gcore") is None:
            require_kernel("there is no gcore: `make setup-test` installs gdb")
        path = self.folder / "photograph"
        command = ["gcore", "-o", str(path), str(self.process.pid)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=self.folder)
        assert done.returncode == 0, done.stderr
        return Path(f"{path}.{self.process.pid}")


def kernel_writes_here() -> bool:
    """Whether the kernel writes a core into the folder of the program that crashes, and not elsewhere or to a pipe."""
    return not CORE_PATTERN.read_text().startswith(("|", "/"))


@contextmanager
def crashing(binary: Path, folder: Path, env: dict[str, str] | None = None) -> Iterator[Crashing]:
    """A `blocked` whose runtime dumps all goroutines and then core (GOTRACEBACK=crash) when it is told to end."""
    with (folder / "dump").open("w") as dump:
        process = subprocess.Popen(
            [binary],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=dump,
            text=True,
            cwd=folder,
            env={**os.environ, "GOTRACEBACK": "crash", **(env or {})},
        )
    resource.prlimit(process.pid, resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    try:
        yield Crashing(Blocked(process), process, folder)
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            assert stream
            stream.close()
