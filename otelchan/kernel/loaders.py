"""Who loads the kernel side: libbpf an object that was compiled ahead of time, BCC the same source, compiled here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from otelchan.errors import KernelError
from otelchan.kernel import libbpf
from otelchan.kernel.bcc import BccObject, source_file
from otelchan.kernel.links import ATTACH_TYPES, Attach
from otelchan.kernel.types import MAPS

_MACHINE = "x86_64"  # where it was run; an object for aarch64 is compiled too, see bpf/portable.h
OBJECT = Path(__file__).parent.parent / "bpf" / f"otelchan.{os.uname().machine}.bpf.o"
"""Of this machine; an installation has those of others too. scripts/compile_bpf.py writes it."""
PROGRAM, SLICE_PROGRAM, RING = "oc_dispatch", "oc_slice", "events"
VACANT, BIRTHS, MISSED = "vacant", "births", "missed"


class Backend(StrEnum):
    """The best first."""

    LIBBPF = "libbpf"
    BCC = "bcc"


class Loaded(Protocol):
    """Programs and their maps in the kernel, until close. program_fd: of PROGRAM."""

    program_fd: int

    @property
    def program_fds(self) -> Mapping[str, int]:
        """Descriptors of the programs by name."""

    def map_fd(self, name: str) -> int:
        """Descriptor of a map."""

    def close(self) -> None:
        """Unload."""


def load(wanted: str, attach: Attach, parked_entries: int, path: Path = OBJECT) -> tuple[Backend, Loaded]:
    """Load the kernel side. wanted: "auto", "libbpf" or "bcc". path: the object for libbpf. Raises KernelError."""
    machine = os.uname().machine
    if machine != _MACHINE:
        raise KernelError(
            f"the kernel side of otelchan was never run on {machine}, only on {_MACHINE}, so nothing is attached here; "
            "`otelchan plan --file` and `otelchan report` need no kernel side"
        )
    if wanted == Backend.BCC:
        return Backend.BCC, _by_bcc(attach, parked_entries)
    try:
        libbpf.require_object(path)
        libbpf.library()
    except KernelError as missing:
        if wanted == Backend.LIBBPF:
            raise
        try:
            return Backend.BCC, _by_bcc(attach, parked_entries)
        except KernelError as error:
            raise KernelError(f"{missing}; nor can BCC take its place: {error}") from error
    sizes, also = {"parked": parked_entries}, _also(attach)
    without = () if also else (SLICE_PROGRAM,)
    return Backend.LIBBPF, libbpf.BpfObject(path, PROGRAM, sizes, ATTACH_TYPES[attach], also, without)


def _also(attach: Attach) -> tuple[str, ...]:
    """Beside PROGRAM: with perf events there are no time slices (kernel/slices.py)."""
    return (SLICE_PROGRAM,) if attach is Attach.MULTI else ()


def _by_bcc(attach: Attach, parked_entries: int) -> BccObject:
    maps = [*MAPS, RING, VACANT, BIRTHS, MISSED]
    defines = {"OC_PARKED": parked_entries}
    return BccObject(source_file(), PROGRAM, ATTACH_TYPES[attach], maps, defines, also=_also(attach))
