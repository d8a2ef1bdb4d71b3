"""Running an executable built for arm64 on this machine, and seeing each time that it comes to an instruction.

QEMU's user emulation logs the registers before each instruction in a range of addresses (-d cpu -dfilter): what a
probe there would see. It executes one instruction at a time for that (-singlestep), and writes line by line.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.support import require_kernel

EMULATOR = "qemu-aarch64"
_TIMEOUT = 60
_REGISTER = re.compile(rb"(X\d\d|SP)=([0-9a-f]{16})")


class Hit(NamedTuple):
    """One arrival at an instruction. registers: by name ("x0", "sp"), before it is executed."""

    address: int
    registers: dict[str, int]


class Emulated:
    """A program that answers a line with a line, in the emulator. Its hits so far are in the log."""

    def __init__(self, process: subprocess.Popen[str], log: Path, addresses: frozenset[int]) -> None:
        self._process, self._log, self._addresses = process, log, addresses
        self._read = 0
        self._before: set[tuple[int, int]] = set()

    def ask(self, line: str) -> str:
        """The program's answer to a line on its standard input."""
        assert self._process.stdin and self._process.stdout
        print(line, file=self._process.stdin, flush=True)
        return self._process.stdout.readline()

    def hits(self) -> Iterator[Hit]:
        """What was reached since the last call.

        A thread that is interrupted before an instruction is logged there a second time when it goes on. So an arrival
        counts when the same goroutine (its g is in x28) was at the instruction before it since the last one.
        """
        with self._log.open("rb") as log:
            log.seek(self._read)
            data = log.read()
        self._read += len(data)
        for entry in data.split(b" PC=")[1:]:
            found = {name.decode().lower(): int(value, 16) for name, value in _REGISTER.findall(entry)}
            registers = {f"x{int(name[1:])}" if name[0] == "x" else name: value for name, value in found.items()}
            address, g = int(entry[:16], 16), registers["x28"]
            if (address, g) in self._before:
                self._before.discard((address, g))
                yield Hit(address, registers)
            elif address not in self._addresses:
                self._before.add((address + 4, g))


@contextmanager
def emulated(path: Path, addresses: Iterable[int], log: Path) -> Iterator[Emulated]:
    """The program, running in the emulator, once it has said "ready"; skips the test where there is none.

    addresses: of instructions that are only reached from the one before them.
    """
    if shutil.which(EMULATOR) is None:
        require_kernel(f"{EMULATOR} is not installed: `make setup-test` installs qemu-user")
    wanted = frozenset(addresses)
    assert not wanted & {address - 4 for address in wanted}
    ranges = ",".join(f"{address - 4:#x}+8" for address in sorted(wanted))
    log.touch()
    command = [EMULATOR, "-singlestep", "-d", "cpu,nochain", "-dfilter", ranges, "-D", str(log), str(path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout and process.stdout.readline() == "ready\n"
        yield Emulated(process, log, wanted)
    finally:
        process.kill()
        process.wait(_TIMEOUT)
