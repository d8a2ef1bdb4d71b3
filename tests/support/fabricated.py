"""A Go program made by hand: goroutines, channels, types and a heap as bytes, at offsets that no Go release has."""

from __future__ import annotations

import struct
from typing import NamedTuple

from otelchan.gobinary.plugins import Plugins
from otelchan.gobinary.types import BuildInfo, Globals, GoImage, Layout, Segment
from otelchan.testing import MemoryImage

TEXT = 0x401000
HEAP = 0xC000000000
STACKS = 0xD000000000
STACK = 1 << 14
REASONS = {
    0: "",
    5: "chan receive (nil chan)",
    7: "chan send (nil chan)",
    8: "select (no cases)",
    9: "select",
    11: "chan receive",
    12: "chan send",
    13: "finalizer wait",
    14: "sync.Mutex.Lock",
    15: "chan receive (durable)",
    16: "coroutine",
}
FUNCTIONS = (
    "runtime.goexit",
    "runtime.gopark",
    "runtime.chanrecv",
    "runtime.main",
    "runtime.bgsweep",
    "runtime.runFinalizers",
    "runtime.corostart",
    "main.main",
    "main.worker",
    "main.deeper",
)


def _offsets() -> dict[str, int]:
    """Every field that is read, in an order and with gaps of our own."""
    structs = {
        "g": "waiting goid sched.bp sched.pc sched.sp stack.hi startpc gopc parentGoid waitsince labels atomicstatus:4 "
        "waitreason:1 trackingSeq:1",
        "sudog": "c waitlink g prev next",
        "hchan": "timer buf qcount dataqsiz recvq.first sendq.first sendx recvx elemtype closed:4 elemsize:2",
        "schedt": "goidgen ngsys:4 gFree.stack.count:4 gFree.noStack.count:4",
        "p": "goidcacheend goidcache gFree.count:4",
        "moduledata": "etypes types etext text next pluginpath:16",
        "type": "size str:4 tflag:1 kind:1",
        "mheap": "lock arenas",
        "heapArena": "spans",
        "mspan": "allocBits startAddr limit elemsize freeindex:2 nelems:2 state:1",
    }
    offsets = {}
    for name, fields in structs.items():
        at = 24
        for field in fields.split():
            field, _, size = field.partition(":")
            width = int(size or 8)
            at = -(-at // width) * width
            offsets[f"{name}.{field}"] = at
            at += width
        offsets[f"sizeof {name}"] = -(-at // 8) * 8 + 16
    statuses = "idle runnable running syscall waiting dead copystack preempted leaked deadextra"
    offsets |= {f"const.G{status}": number for number, status in enumerate(statuses.split(), 3)}
    heap = {"pageSize": 8192, "pagesPerArena": 8192, "heapArenaBytes": 1 << 26, "arenaL1Bits": 0, "arenaL2Bits": 22}
    offsets |= {f"const.{name}": value for name, value in heap.items()}
    offsets["width mspan.freeindex"] = 2
    return {**offsets, "const.Gscan": 0x1000, "const.mSpanInUse": 1, "const.arenaBaseOffset": -(1 << 47)}


LAYOUT = Layout("go1.99.9", "table", _offsets(), REASONS)


class Function(NamedTuple):
    """A function of the program, at link-time addresses."""

    name: str
    entry: int
    end: int


class FunctionList:
    """What memory asks of GoImage.functions: functions of 256 bytes each, one after the other, from TEXT on."""

    def __init__(self, names: tuple[str, ...] = FUNCTIONS) -> None:
        self.plugins = Plugins()
        self._all = [Function(name, TEXT + 256 * i, TEXT + 256 * (i + 1)) for i, name in enumerate(names)]

    def find(self, name: str) -> Function | None:
        """The function of that name."""
        return next((function for function in self._all if function.name == name), None)

    def at(self, pc: int) -> Function | None:
        """The function that has this address."""
        return next((function for function in self._all if function.entry <= pc < function.end), None)


class Fabricated:
    """The program. Live addresses are link-time addresses plus `bias`.

    Only what the methods add is there. `memory` can be changed at any time, `set` changes one field of a struct.
    """

    def __init__(self, bias: int = 0) -> None:
        self.bias = bias
        self.memory = MemoryImage()
        self.functions = FunctionList()
        self.globals = Globals(0x600000, 0x600008, 0x600010, 0x602000, 0x603000, 0x604000, "symbols")
        end = TEXT + 256 * len(FUNCTIONS)
        self.image = GoImage(
            path="/srv/app",
            build_id="",
            build=BuildInfo("go1.99.9", "main", "main"),
            position_independent=bool(bias),
            stripped=False,
            segments=(Segment(TEXT, 0x1000, end - TEXT, end - TEXT, True, False),),
            layout=LAYOUT,
            globals=self.globals,
            functions=self.functions,  # type: ignore[arg-type]
            sites=(),
            missing=(),
            make_sites=(),
        )
        self.goroutines: list[int] = []
        self._heap, self._stack, self._sequence = HEAP, STACKS, 0
        self._types: dict[str, int] = {}
        self.types = 0x700000 + bias
        self.memory.write(self.types, bytes(8))
        self._names = self.types + 0x800
        module = self.globals.moduledata + bias
        for field, value in (("types", self.types), ("etypes", self.types + 0x1000), ("text", TEXT + bias)):
            self.set("moduledata", module, field, value)
        self.set("moduledata", module, "etext", end + bias)
        self.allgs = self.allocate(8 * 4096)
        self.memory.word(self.globals.allgptr + bias, self.allgs)
        self.scheduler(ids=0)

    def set(self, kind: str, address: int, field: str, value: int, size: int = 8) -> None:
        """One field of a struct."""
        self.memory.write(address + LAYOUT[f"{kind}.{field}"], (value % (1 << 8 * size)).to_bytes(size, "little"))

    def allocate(self, size: int) -> int:
        """Zeroed heap memory that nothing else has."""
        address, self._heap = self._heap, self._heap + -(-size // 64) * 64
        self.memory.write(address, bytes(size))
        return address

    def pc(self, function: str, offset: int = 16) -> int:
        """The live address of an instruction of that function."""
        found = self.functions.find(function)
        assert found
        return found.entry + offset + self.bias

    def scheduler(
        self,
        ids: int,
        system: int = 0,
        free: tuple[int, int] = (0, 0),
        processors: tuple[tuple[int, int, int], ...] = (),
    ) -> None:
        """The scheduler's counters. processors: (dead goroutines kept, next id, end of ids) of each P."""
        sched = self.globals.sched + self.bias
        self.set("schedt", sched, "goidgen", ids)
        self.set("schedt", sched, "ngsys", system, 4)
        self.set("schedt", sched, "gFree.stack.count", free[0], 4)
        self.set("schedt", sched, "gFree.noStack.count", free[1], 4)
        pointers = [self.allocate(LAYOUT["sizeof p"]) for _ in processors]
        for pointer, (kept, following, end) in zip(pointers, processors, strict=True):
            self.set("p", pointer, "gFree.count", kept, 4)
            self.set("p", pointer, "goidcache", following)
            self.set("p", pointer, "goidcacheend", end)
        self.allp(pointers, len(pointers))

    def allp(self, pointers: list[int], length: int) -> None:
        """runtime.allp: a slice of that length, the rest of the pointers within its capacity."""
        array = self.allocate(8 * max(len(pointers), 1))
        self.memory.write(array, struct.pack(f"<{len(pointers)}Q", *pointers))
        self.memory.write(self.globals.allp + self.bias, struct.pack("<3Q", array, length, len(pointers)))

    def goroutine(
        self,
        reason: int = 11,
        frames: tuple[str, ...] = ("runtime.gopark", "runtime.chanrecv", "main.worker"),
        *,
        status: str = "waiting",
        start: str = "main.worker",
        since: int = 0,
        id_: int = 0,
        room: int = 48,
    ) -> int:
        """One more goroutine, and the address of its g. frames: innermost first; room: bytes of each frame."""
        g = self.allocate(LAYOUT["sizeof g"])
        self.memory.word(self.allgs + 8 * len(self.goroutines), g)
        self.goroutines.append(g)
        self.memory.word(self.globals.allglen + self.bias, len(self.goroutines))
        id_ = id_ or len(self.goroutines)
        self.set("g", g, "goid", id_)
        self.set("schedt", self.globals.sched + self.bias, "goidgen", max(id_, len(self.goroutines)))
        self.set("g", g, "atomicstatus", LAYOUT[f"const.G{status}"], 4)
        self.set("g", g, "waitreason", reason, 1)
        self.set("g", g, "waitsince", since)
        self.set("g", g, "startpc", self.pc(start, 0))
        self.set("g", g, "gopc", self.pc("main.main"))
        self.set("g", g, "parentGoid", 1)
        self.put_stack(g, frames, room)
        return g

    def put_stack(self, g: int, frames: tuple[str, ...], room: int = 48) -> int:
        """Give a goroutine a stack of its own with these frames; returns its stack pointer."""
        low, self._stack = self._stack, self._stack + STACK
        self.memory.write(low, bytes(STACK))
        high = low + STACK
        bases = [high - room * (len(frames) - i) for i in range(len(frames))]
        callers = [self.pc(name) for name in frames[1:]] + [self.pc("runtime.goexit", 1)]
        for base, following, caller in zip(bases, [*bases[1:], 0], callers, strict=True):
            self.memory.word(base, following)
            self.memory.word(base + 8, caller)
        for field, value in (("sp", bases[0] - 32), ("pc", self.pc(frames[0])), ("bp", bases[0])):
            self.set("g", g, f"sched.{field}", value)
        self.set("g", g, "stack.hi", high)
        self._sequence += 1
        self.set("g", g, "trackingSeq", self._sequence, 1)
        return bases[0] - 32

    def type(self, name: str, size: int = 8, kind: int = 25, flag: int = 0) -> int:
        """The address of a type descriptor of that name."""
        if name not in self._types:
            address = self.types + 8 + 64 * len(self._types)
            self.put_type(address, size, kind, flag, self._names - self.types)
            text = name.encode()
            length = bytes([len(text)]) if len(text) < 128 else bytes([len(text) & 0x7F | 0x80, len(text) >> 7])
            self.memory.write(self._names, b"\0" + length + text + b"\0")
            self._names += len(text) + 4
            self._types[name] = address
        return self._types[name]

    def put_type(self, address: int, size: int, kind: int, flag: int = 0, name: int = 0) -> None:
        """A type descriptor. name: where its name is, from the start of all types."""
        self.memory.write(address, bytes(LAYOUT["sizeof type"]))
        for field, value, width in (("size", size, 8), ("kind", kind, 1), ("tflag", flag, 1), ("str", name, 4)):
            self.set("type", address, field, value, width)

    def channel(self, capacity: int = 0, length: int = 0, *, at: int = 0, element: int = 0, closed: int = 0) -> int:
        """An hchan, of int unless another type's address is given, of elements without pointers."""
        size = LAYOUT["sizeof hchan"]
        kind = element or self.type("int", 8, 2)
        data = self.memory.read(kind + LAYOUT["type.size"], 8)
        width = int.from_bytes(data, "little")
        address = at or self.allocate(size + capacity * width)
        buffer = address + (size if capacity * width else LAYOUT["hchan.buf"])
        fields = {"qcount": length, "dataqsiz": capacity, "buf": buffer, "elemtype": kind}
        for field, value in fields.items():
            self.set("hchan", address, field, value)
        self.set("hchan", address, "elemsize", width, 2)
        self.set("hchan", address, "closed", closed, 4)
        return address

    def wait(self, g: int, *cases: tuple[int, str]) -> list[int]:
        """Put a goroutine into the queues of these (channel, "send" or "recv"); returns its sudogs."""
        sudogs = [self.allocate(LAYOUT["sizeof sudog"]) for _ in cases]
        self.set("g", g, "waiting", sudogs[0])
        for sudog, following, (channel, operation) in zip(sudogs, [*sudogs[1:], 0], cases, strict=True):
            self.set("sudog", sudog, "g", g)
            self.set("sudog", sudog, "c", channel)
            self.set("sudog", sudog, "waitlink", following)
            self._enqueue(sudog, channel + LAYOUT[f"hchan.{operation}q.first"])
        return sudogs

    def _enqueue(self, sudog: int, first: int) -> None:
        at = int.from_bytes(self.memory.read(first, 8), "little")
        if not at:
            self.memory.word(first, sudog)
            return
        while following := int.from_bytes(self.memory.read(at + LAYOUT["sudog.next"], 8), "little"):
            at = following
        self.set("sudog", at, "next", sudog)
        self.set("sudog", sudog, "prev", at)

    def span(
        self, start: int, size: int, objects: int, free_index: int, bits: int, state: int = 1, pages: int = 1
    ) -> int:
        """An mspan over those pages of 8 KiB, entered into the heap's arena map; returns its address."""
        span, bitmap = self.allocate(LAYOUT["sizeof mspan"]), self.allocate(objects // 8 + 8)
        self.memory.write(bitmap, bits.to_bytes(objects // 8 + 8, "little"))
        fields = {"allocBits": bitmap, "startAddr": start, "limit": start + size * objects, "elemsize": size}
        for field, value in fields.items():
            self.set("mspan", span, field, value)
        self.set("mspan", span, "freeindex", free_index, 2)
        self.set("mspan", span, "nelems", objects, 2)
        self.set("mspan", span, "state", state, 1)
        level = 0xE000000000
        self.memory.word(self.globals.mheap + self.bias + LAYOUT["mheap.arenas"], level)
        arena = 0xE100000000 + (start >> 26) * (1 << 20)
        self.memory.word(level + 8 * ((start + (1 << 47)) >> 26), arena)
        for page in range(pages):
            index = (start >> 13) % 8192 + page
            self.memory.word(arena + LAYOUT["heapArena.spans"] + 8 * index, span)
        return span
