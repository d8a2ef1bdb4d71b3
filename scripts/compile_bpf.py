"""Compile the kernel side of otelchan, ahead of time: `python3 scripts/compile_bpf.py MACHINE OBJECT`.

Used by `make build` and by the wheel (hatch_build.py), so that both have the same object. Python's own library only.
The same source gives the same bytes in any folder: what names a folder is mapped away, and what only debuggers read
(DWARF, but not BTF) is stripped. CLANG and LLVM_STRIP in the environment name other programs.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = Path("bpf/otelchan.bpf.c")
MACHINES = {"x86_64": "x86", "aarch64": "arm64"}
"""What the kernel side is compiled for, as uname says it and as libbpf's headers do. aarch64 was never run."""
INSTALL = "Debian and Ubuntu: apt-get install clang llvm libbpf-dev linux-libc-dev"


def object_name(machine: str) -> str:
    """The file in otelchan/bpf that is loaded on such a machine: otelchan/kernel/loaders.py looks for it."""
    return f"otelchan.{machine}.bpf.o"


def compile_object(machine: str, target: Path) -> None:
    """Write the object. Raises SystemExit with one sentence when that cannot be done."""
    clang, strip = os.environ.get("CLANG", "clang"), os.environ.get("LLVM_STRIP", "llvm-strip")
    unfinished = target.with_name(f"{target.name}.{os.getpid()}.new").absolute()
    flags = ["-O2", "-g", "-target", "bpf", f"-D__TARGET_ARCH_{MACHINES[machine]}", "-Wall", "-Werror"]
    # Headers of the machine that compiles, also for another: of these only types of fixed size are used.
    headers = f"-I/usr/include/{os.uname().machine}-linux-gnu"
    nowhere = [f"-ffile-prefix-map={ROOT}=.", "-fdebug-compilation-dir=."]
    try:
        _run([clang, *flags, headers, *nowhere, "-c", str(SOURCE), "-o", str(unfinished)])
        _run([strip, "--strip-debug", str(unfinished)])
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    except FileNotFoundError:
        raise SystemExit(f"{command[0]} is not installed, which compiles the kernel side; {INSTALL}") from None
    if done.returncode:
        said = done.stderr.strip()
        raise SystemExit(
            f"{command[0]} could not compile {SOURCE}, see below; if a header is missing, {INSTALL}\n{said}"
        )


def main() -> None:
    """One object, as the arguments say."""
    if len(sys.argv) != 3 or sys.argv[1] not in MACHINES:
        raise SystemExit(f"usage: compile_bpf.py {{{','.join(MACHINES)}}} OBJECT")
    compile_object(sys.argv[1], Path(sys.argv[2]))


if __name__ == "__main__":
    main()
