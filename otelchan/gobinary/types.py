"""What is known about one Go executable, from the file alone.

Every address in this module is a **link-time virtual address**: what the ELF file says. The address in a running
process is ``address + bias``, where the bias belongs to the process (zero unless the executable is position
independent). Nothing here knows about a process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from otelchan.gobinary.functions import FunctionTable


class Frame(NamedTuple):
    """One line of a stack, innermost first in a stack; the JSON form everywhere is an object of these three."""

    function: str
    file: str
    line: int

    @property
    def place(self) -> str:
        """`pkg.Func file.go:line`, the file without its folders."""
        return f"{self.function} {PurePosixPath(self.file).name}:{self.line}"


class Segment(NamedTuple):
    """One PT_LOAD of the executable; sizes and offsets in bytes."""

    address: int
    offset: int
    file_size: int
    memory_size: int
    executable: bool
    writable: bool


class SiteKind(StrEnum):
    """What it means when the instruction at a probe site is reached."""

    PARK = "park"  # a goroutine parks on a channel: `call runtime.gopark`
    WAKE = "wake"  # a channel operation readies a sleeper: `call runtime.systemstack` in send, recv, closechan
    SEND = "send"  # the buffer takes a send's element (or, with a condition, may: under the channel lock)
    RECV = "recv"  # a receive takes an element from the buffer (or, with a condition, may: under the lock)
    RECV_CLOSED = "recv_closed"  # a receive leaves with the zero value of a closed, empty channel
    SELECT = "select"  # a select returns; the chosen case, its channel and direction are known
    MAKE = "make"  # a channel has been made
    CLOSE = "close"  # closechan is entered


class Condition(StrEnum):
    """How the processor flags at a conditional jump say "the buffer has it" (x86 flags after `cmp a, b`)."""

    NONE = ""  # not by flags: only what the buffer has comes there
    ABOVE = "above"  # a > b: CF=0 and ZF=0
    BELOW = "below"  # a < b: CF=1


@dataclass(frozen=True, slots=True)
class Site:
    """One instruction to probe. Every site is an instruction that the kernel emulates (push, jcc, jmp, call).

    register: the register that holds the hchan (SEND, RECV, MAKE, CLOSE, RECV_CLOSED) or the case index (SELECT),
        by its 64-bit name ("rcx"); for WAKE: "" (the sleeper is in the closure); for PARK: "" (always r14 and rbx);
        for RECV_CLOSED also "": the hchan is in the stack slot `slot`.
    frame: bytes from rsp at the site to the function's return address (MAKE, SELECT, WAKE); 0 elsewhere.
    closure: for WAKE, offset from rsp at the site of the stack slot holding the sleeper's g inside the closure
        passed to systemstack (-1: read it through the pointer at [rsp] instead).
    channel_offset: what must be subtracted from `register` to get the hchan (the lock's offset where the register
        holds &hchan.lock).
    condition: for SEND and RECV, how the flags say "buffered".
    ok_register: for SELECT, the register whose low byte is recvOK.
    nil_channel: for PARK, this call parks for ever (nil channel, or `select {}`).
    slot: for RECV_CLOSED, offset from rsp of the stack slot that holds the hchan where no register does; else -1.
    extent: address ranges [start, end) of the instructions that are executed only together with this one.
    """

    kind: SiteKind
    function: str
    address: int
    code: bytes
    instruction: str
    register: str = ""
    frame: int = 0
    closure: int = -1
    channel_offset: int = 0
    condition: Condition = Condition.NONE
    ok_register: str = ""
    nil_channel: bool = False
    slot: int = -1
    extent: tuple[tuple[int, int], ...] = ()


class MissingSite(NamedTuple):
    """A site that could not be found, with the reason as a sentence."""

    kind: SiteKind
    function: str
    reason: str


class MakeSite(NamedTuple):
    """One `call runtime.makechan` in the text.

    return_address: address of the instruction after the call (what a MAKE probe reads as the caller).
    element_type: address of the element's type descriptor; 0 when not known.
    capacity: constant capacity in elements; -1 when it is not a constant.
    """

    return_address: int
    element_type: int
    capacity: int


@dataclass(frozen=True, slots=True)
class BuildInfo:
    """What `go version -m` would print. settings: build settings such as GOARCH, -race, vcs.revision.

    main_version: version of the main module, "(devel)" or "" when it has none.
    """

    go_version: str
    main_package: str
    main_module: str
    settings: Mapping[str, str] = field(default_factory=dict)
    main_version: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the runtime's fields are, for one exact Go release.

    offsets: "g.goid" -> byte offset in the struct; "sizeof g" -> size in bytes. A missing key is a bug of ours, so
        it raises KeyError.
    wait_reasons: number -> text as the runtime prints it ("chan receive"). Source: waitReasonStrings in
        src/runtime/runtime2.go of that release.
    source: "table" (measured from DWARF of that release, shipped) or "dwarf" (of this very binary).
    """

    release: str
    source: str
    offsets: Mapping[str, int]
    wait_reasons: Mapping[int, str]

    def __getitem__(self, name: str) -> int:
        return self.offsets[name]


@dataclass(frozen=True, slots=True)
class Globals:
    """Addresses of the runtime's variables: runtime.allglen, allgptr, allp, sched, mheap_, firstmoduledata.

    source: "symbols" or "code" (decoded from instructions that use them, for stripped binaries).
    """

    allglen: int
    allgptr: int
    allp: int
    sched: int
    mheap: int
    moduledata: int
    source: str


@dataclass(frozen=True, slots=True)
class GoImage:
    """One analysed executable. Pure data and picklable; `functions` opens the file again when first used."""

    path: str
    build_id: str
    build: BuildInfo
    position_independent: bool
    stripped: bool
    segments: tuple[Segment, ...]
    layout: Layout
    globals: Globals
    functions: FunctionTable
    sites: tuple[Site, ...]
    missing: tuple[MissingSite, ...]
    make_sites: tuple[MakeSite, ...]

    def file_offset(self, address: int) -> int:
        """Offset in the file of a link-time address. Raises ValueError when no file-backed segment has it."""
        for segment in self.segments:
            if segment.address <= address < segment.address + segment.file_size:
                return address - segment.address + segment.offset
        raise ValueError(f"address {address:#x} is in no segment of {self.path}")
