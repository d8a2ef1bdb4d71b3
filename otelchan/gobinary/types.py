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

from otelchan.gobinary.labels import LABEL_NAMES, LONGEST_NAME, LONGEST_VALUE, LabelForm, label_form

if TYPE_CHECKING:
    from otelchan.gobinary.functions import FunctionTable

__all__ = [
    "CHANNEL_FUNCTIONS",
    "LABEL_NAMES",
    "LONGEST_NAME",
    "LONGEST_VALUE",
    "NOT_KNOWN",
    "REFLECTED",
    "REFLECTED_SEND",
    "UNKNOWN_FUNCTION",
    "BuildInfo",
    "Condition",
    "Frame",
    "Globals",
    "GoImage",
    "LabelForm",
    "Layout",
    "MakeSite",
    "MissingSite",
    "Segment",
    "Site",
    "SiteKind",
]

NOT_KNOWN = -1


UNKNOWN_FUNCTION = "unknown function"
"""What the name of a function begins with that is in no table: that of a plugin."""

CHANNEL_FUNCTIONS = (
    *("runtime.chansend", "runtime.chansend1", "runtime.chanrecv", "runtime.chanrecv1", "runtime.chanrecv2"),
    *("runtime.selectgo", "runtime.selectnbsend", "runtime.selectnbrecv", "runtime.send", "runtime.recv"),
    *("runtime.gopark", "reflect.chansend0", "reflect.chanrecv", "reflect.rselect"),
)
"""Those of the runtime through which a program uses a channel (src/runtime/chan.go, select.go, proc.go), also those
that are named for the package that calls them.

Go's linker lays out one package after the other, so what lies between them is the runtime's too.
"""

REFLECTED = (
    *("reflect.Value.Send", "reflect.Value.TrySend", "reflect.Value.send", "reflect.Select", "reflect.select0"),
    *("reflect.Value.Recv", "reflect.Value.TryRecv", "reflect.Value.recv"),
)
"""Those of src/reflect/value.go that call them, between which is nothing but reflection."""

REFLECTED_SEND = "reflect.chansend"
"""Reflection's since Go 1.21, which has reflect.chansend0; the runtime's before."""


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
    CLOSE = "close"  # a channel is closed (or, with a condition, may be: under the channel lock)
    PANIC = "panic"  # a channel operation is about to panic: `call runtime.gopanic`
    WOULD_BLOCK = "would_block"  # a send or receive that does not block leaves with nothing done
    SELECT_DEFAULT = "select_default"  # a select takes its default branch: `call runtime.selunlock`


class Condition(StrEnum):
    """How the processor flags at a conditional jump say that a hit counts (x86 flags after `cmp a, b`)."""

    NONE = ""  # not by flags: every hit counts
    ABOVE = "above"  # a > b: CF=0 and ZF=0
    BELOW = "below"  # a < b: CF=1
    EQUAL = "equal"  # a == b: ZF=1
    NOT_EQUAL = "not equal"  # a != b: ZF=0
    ABOVE_OR_EQUAL = "above or equal"  # a >= b: CF=0
    BELOW_OR_EQUAL = "below or equal"  # a <= b: CF=1 or ZF=1


@dataclass(frozen=True, slots=True)
class Site:
    """One instruction to probe. Every site is an instruction that the kernel emulates (push, jcc, jmp, call).

    register: the register that holds the hchan (SEND, RECV, MAKE, CLOSE, RECV_CLOSED, PANIC, WOULD_BLOCK) or the case
        index (SELECT), by its 64-bit name ("rcx"); for WAKE the register that holds the sleeper's g (Go 1.20 and
        older), "" where it is in the closure; for PARK: "" (always r14 and rbx), unless inlined: then as for the
        others, and not known in a select; for SELECT_DEFAULT: "" (the cases are
        in rax, their number in rbx); for RECV_CLOSED, PANIC and WOULD_BLOCK also "": the hchan is in the stack slot
        `slot`, or, when that is -1 too, it is not known.
    frame: bytes from rsp at the site to the function's return address (MAKE, CLOSE, SELECT, WAKE, SELECT_DEFAULT, and
        PANIC in a select); 0 elsewhere.
    closure: for WAKE, offset from rsp at the site of the stack slot holding the sleeper's g inside the closure
        passed to systemstack (-1: read it through the pointer at [rsp] instead).
    channel_offset: what must be subtracted from `register` to get the hchan (the lock's offset where the register
        holds &hchan.lock).
    condition: for SEND, RECV, CLOSE and WOULD_BLOCK, how the flags say that this hit counts.
    ok_register: for SELECT, the register whose low byte is recvOK.
    nil_channel: for PARK, this call parks for ever (nil channel, or `select {}`).
    inlined: for PARK, it is `call runtime.mcall` of a gopark that is inlined: see register.
    slot: offset from rsp of the stack slot that holds the hchan where no register does; else -1.
    error: for PANIC, what is wrong: "send_on_closed", "close_of_closed" or "close_of_nil".
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
    error: str = ""
    extent: tuple[tuple[int, int], ...] = ()
    inlined: bool = False


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
    callers: return address of the only call of the function that makes it, then of the only call of its caller, and so
        on; it ends where there may be another call.
    """

    return_address: int
    element_type: int
    capacity: int
    callers: tuple[int, ...] = ()


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

    offsets: "g.goid" -> byte offset in the struct; "sizeof g" -> size in bytes; "width mspan.freeindex" -> bytes of a
        field whose width differs between releases; "const.Gdead" -> value. A key that every release has and that is
        missing is a bug of ours, so layout["..."] raises KeyError; those that some releases do not have
        (dwarf.OPTIONAL) are absent there, and get() says None.
    wait_reasons: number -> text as the runtime prints it ("chan receive"). Source: waitReasonStrings in
        src/runtime/runtime2.go of that release.
    source: "table" (measured from DWARF of that release, shipped) or "dwarf" (of this very binary).
    architecture: "amd64" or "arm64", as GOARCH says it.
    """

    release: str
    source: str
    offsets: Mapping[str, int]
    wait_reasons: Mapping[int, str]
    architecture: str = "amd64"

    def __getitem__(self, name: str) -> int:
        return self.offsets[name]

    def get(self, name: str) -> int | None:
        """The value of a key that some releases do not have, or None."""
        return self.offsets.get(name)

    @property
    def labels(self) -> LabelForm:
        """What g.labels points to."""
        return label_form(self.release)


@dataclass(frozen=True, slots=True)
class Globals:
    """Addresses of the runtime's variables: runtime.allglen, allgptr, allp, sched, mheap_, firstmoduledata.

    source: "symbols" or "code" (decoded from instructions that use them, for stripped binaries).
    signal_map: os/signal.handlers.m, the channels that signal.Notify was given; 0: not linked in; or NOT_KNOWN.
    """

    allglen: int
    allgptr: int
    allp: int
    sched: int
    mheap: int
    moduledata: int
    source: str
    signal_map: int = NOT_KNOWN


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

    @property
    def architecture(self) -> str:
        """What it is built for: "amd64" or "arm64"."""
        return self.layout.architecture

    def file_offset(self, address: int) -> int:
        """Offset in the file of a link-time address. Raises ValueError when no file-backed segment has it."""
        for segment in self.segments:
            if segment.address <= address < segment.address + segment.file_size:
                return address - segment.address + segment.offset
        raise ValueError(f"address {address:#x} is in no segment of {self.path}")
