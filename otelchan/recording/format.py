"""Recordings: what was read of a running program over a while, in one file, so that it can be played anywhere.

A recording is JSON lines, compressed by gzip: `zcat FILE | jq` shows all that is in it (docs/recordings.md). Each line
is one of the structs below, told apart by `kind`. A header comes first, an end last; memory and functions come before
the event that they belong to. Composition: the recorder writes it, the player reads it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from gzip import GzipFile
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from otelchan.errors import TargetError
from otelchan.gobinary.types import BuildInfo, Globals, Layout, MakeSite, Segment
from otelchan.kernel.types import SliceCounts
from otelchan.memory.recorded import Read
from otelchan.memory.types import Held
from otelchan.model.observation import Sampled
from otelchan.model.overhead import Overhead
from otelchan.target.types import Process

FORMAT = 3
UNREADABLE = -1
_LONGEST_LINE = 1 << 26
_MOST_BYTES = 1 << 33  # unpacked, of a whole recording

Count = Annotated[int, Meta(ge=0)]
Hex = str


class Image(Struct, frozen=True):
    """Of the executable, what is needed to play the recording without it. Addresses are link-time addresses."""

    path: str
    build_id: str
    build: BuildInfo
    position_independent: bool
    stripped: bool
    segments: tuple[Segment, ...]
    layout: Layout
    globals: Globals
    make_sites: tuple[MakeSite, ...]


class Header(Struct, frozen=True, tag="header", tag_field="kind"):
    """The first line. otelchan: version that recorded. kernel: its release. probes: whether probes were used.

    target: id of the program in the kernel maps. bias: live minus link-time addresses.
    """

    format: int
    otelchan: str
    kernel: str
    probes: bool
    interval_s: float
    process: Process
    image: Image
    bias: int
    target: int
    attached_unix_ns: int


class Memory(Struct, frozen=True, tag="memory", tag_field="kind"):
    """Pieces in the order in which they were read. contents: numbers of their contents, -1: could not be read.

    new: contents that the recording did not have before, numbered on from the last one. took: by index of the piece
    that begins a window, how long that took, as in memory.recorded.Read.
    """

    address: list[Count]
    size: list[Count]
    contents: list[Annotated[int, Meta(ge=UNREADABLE)]]
    new: list[Hex]
    took: list[tuple[int, int]] = []


Call = tuple[str, str, int, int]
"""Function, file, line and abi.FuncID of one frame."""
Bounds = tuple[str, Count, Count]
"""Name, first address and first address after it of a function."""


class Functions(Struct, frozen=True, tag="functions", tag_field="kind"):
    """Answers of the function table: frames by return address, functions by address and by name. null: none."""

    frames: dict[str, list[Call]] = {}
    at: dict[str, Bounds | None] = {}
    find: dict[str, Bounds | None] = {}


class Looked(Struct, frozen=True):
    """When a census was taken. again: only the counts were read anew, the rest is the census before."""

    time_unix_ns: Count
    monotonic_ns: Count
    duration_ns: Count
    bytes_read: Count
    again: bool


class Look(Struct, frozen=True, tag="look", tag_field="kind"):
    """The first census, before anything was attached."""

    census: Looked


Table = tuple[Hex, Hex]
"""Keys and values of a kernel map, the rows of this program."""


class Attached(Struct, frozen=True, tag="attached", tag_field="kind"):
    """A plane was attached. tables: the kernel maps then."""

    plane: str
    time_unix_ns: Count
    tables: dict[str, Table]


class Detached(Struct, frozen=True, tag="detached", tag_field="kind"):
    """A plane was detached."""

    plane: str


class Block(Struct, frozen=True, tag="block", tag_field="kind"):
    """A record of the ring buffer. looked: its channel was read from memory."""

    record: Hex
    unix_offset_ns: int
    looked: bool


class Panic(Struct, frozen=True, tag="panic", tag_field="kind"):
    """A record of the ring buffer: a channel operation was about to panic. looked: as in Block."""

    record: Hex
    unix_offset_ns: int
    looked: bool


class Round(Struct, frozen=True, tag="round", tag_field="kind"):
    """One snapshot. tables: maps that are not as in the line before; planes, losses: as in the snapshot.
    held: who has channels at hand, as in the observation. overhead: as in the snapshot. slices, sampled: as
    in the observation."""

    time_unix_ns: Count
    monotonic_ns: Count
    waits_epoch: Count
    tables: dict[str, Table]
    losses: dict[str, Count]
    planes: dict[str, str]
    census: Looked | None
    ended: bool
    held: Held = Held()
    overhead: Overhead | None = None
    slices: tuple[SliceCounts, ...] = ()
    sampled: Sampled | None = None


class End(Struct, frozen=True, tag="end", tag_field="kind"):
    """The last line. reason: why there is no more."""

    rounds: Count
    reason: str


Event = Header | Memory | Functions | Look | Attached | Detached | Block | Panic | Round | End
_DECODER: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def events(path: str) -> Iterator[Event]:
    """The lines of a recording, the header first. Raises TargetError for what is no recording, or not a whole one."""
    try:
        with Path(path).open("rb") as file, GzipFile(fileobj=file) as unpacked:
            total = 0
            last: Event | None = None
            while line := unpacked.readline(_LONGEST_LINE):
                total += len(line)
                if not line.endswith(b"\n") or total > _MOST_BYTES:
                    raise TargetError(f"the recording {path} is cut off or far too large; make or copy it again")
                if last is None:
                    _require_known(path, line)
                last = _DECODER.decode(line)
                yield last
            if last is None:
                raise TargetError(f"{path} is empty; give what `otelchan record` wrote")
            if not isinstance(last, End):
                raise TargetError(f"the recording {path} is cut off: it has no end; copy it again")
    except EOFError:
        raise TargetError(f"the recording {path} is cut off: it has no end; copy it again") from None
    except (zlib.error, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TargetError(f"the recording {path} is damaged ({error}); copy it again") from None
    except OSError as error:
        reason = error.strerror or "it is no gzip file"
        raise TargetError(f"the recording {path} cannot be read: {reason}; give what `otelchan record` wrote") from None


def _require_known(path: str, line: bytes) -> None:
    first = msgspec.json.decode(line)
    if not isinstance(first, dict) or first.get("kind") != "header":
        raise TargetError(f"{path} is not a recording; give what `otelchan record` wrote")
    if first.get("format") != FORMAT:
        raise TargetError(
            f"the recording {path} has format {first.get('format')}, and this otelchan plays format {FORMAT}; play it "
            f"with otelchan {first.get('otelchan')}, which made it"
        )


class Contents:
    """Turns Memory lines back into what was read."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._all: list[bytes] = []

    def reads(self, line: Memory) -> list[Read]:
        """Raises TargetError when the line does not fit to those before."""
        self._all += [bytes.fromhex(text) for text in line.new]
        try:
            found = [
                Read(address, size, None if number == UNREADABLE else self._all[number])
                for address, size, number in zip(line.address, line.size, line.contents, strict=True)
            ]
            for index, took in line.took:
                found[index] = found[index]._replace(took=took)
        except (IndexError, ValueError):
            found = None
        if found is None or any(read.data is not None and len(read.data) != read.size for read in found):
            raise TargetError(f"the recording {self._path} is damaged (memory does not fit); copy it again")
        return found
