"""The cookie of a site: all that the kernel side needs to know about it, in 64 bits (see bpf/otelchan.h).

target 16 bits | kind 8 | register 8 | flags 8 | frame 16 | aux 8.
"""

from __future__ import annotations

from otelchan.gobinary.types import Condition, Site, SiteKind
from otelchan.plan.catalogue import BY_KIND

REGISTERS = ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", *(f"r{n}" for n in range(8, 16)))
_ARM64_REGISTERS = (*(f"x{n}" for n in range(31)), "sp")
_NUMBERS = {
    "amd64": {name: number for number, name in enumerate(REGISTERS)},
    "arm64": {name: number for number, name in enumerate(_ARM64_REGISTERS)},
}
"""Of registers, by architecture: what oc_register in bpf/portable.h gives."""
_STACK_POINTER = {"amd64": "rsp", "arm64": "sp"}
NO_SLOT = 0xFF
WINDOW_BYTES = 256  # of the stack, read at a wake site: OC_WINDOW words
SEND, RECV, SELECT, CLOSE, FOREVER = 0, 1, 2, 3, 4
IN_REGISTER = 4
INLINED = 8
RECEIVES = 8
NO_CHANNEL = 0x10
_OPERATIONS = {
    "runtime.chansend": SEND,
    "runtime.chanrecv": RECV,
    "runtime.selectgo": SELECT,
    "runtime.block": SELECT,
    "runtime.send": SEND,
    "runtime.recv": RECV,
    "runtime.closechan": CLOSE,
}
_CONDITIONS = {
    Condition.NONE: 0,
    Condition.ABOVE: 1,
    Condition.BELOW: 2,
    Condition.EQUAL: 3,
    Condition.NOT_EQUAL: 4,
    Condition.ABOVE_OR_EQUAL: 5,
    Condition.BELOW_OR_EQUAL: 6,
}
PANICS = ("send_on_closed", "close_of_closed", "close_of_nil")


def pack(site: Site, target_id: int, architecture: str = "amd64") -> int:
    """The cookie of `site` in target `target_id`. Raises ValueError when a fact does not fit: then do not attach."""
    numbers, number = _NUMBERS[architecture], BY_KIND[site.kind].number
    if not 0 <= target_id < 1 << 16:
        raise ValueError(f"target id {target_id} does not fit 16 bits")
    # A channel in a stack slot is said by "its register is rsp", and the slot stands where the frame would.
    slot = _STACK_POINTER[architecture], site.slot
    name, offset = slot if site.slot >= 0 else (site.register, site.frame)
    if not 0 <= offset < 1 << 16:
        raise ValueError(f"frame of {offset} bytes in {site.function} does not fit 16 bits")
    register = numbers[name] if name else 0
    aux = numbers[site.ok_register] if site.kind is SiteKind.SELECT else _aux(site)
    return target_id | number << 16 | register << 24 | _flags(site) << 32 | offset << 40 | aux << 56


def _flags(site: Site) -> int:
    no_channel = NO_CHANNEL if not site.register and site.slot < 0 else 0
    match site.kind:
        case SiteKind.PARK:
            inlined = INLINED | no_channel if site.inlined else 0
            return _OPERATIONS[site.function] | (FOREVER if site.nil_channel else 0) | inlined
        case SiteKind.WAKE:
            return _OPERATIONS[site.function] | (IN_REGISTER if site.register else 0)
        case SiteKind.SEND | SiteKind.RECV | SiteKind.CLOSE:
            return _CONDITIONS[site.condition]
        case SiteKind.WOULD_BLOCK:
            receives = RECEIVES if _OPERATIONS[site.function] == RECV else 0
            return _CONDITIONS[site.condition] | receives | no_channel
        case SiteKind.PANIC:
            return PANICS.index(site.error) | no_channel
    return 0


def _aux(site: Site) -> int:
    if site.kind is SiteKind.WAKE:
        return _window_word(site.closure, site.function) if site.closure >= 0 else NO_SLOT
    if site.channel_offset % 8 or not 0 <= site.channel_offset // 8 < NO_SLOT:
        raise ValueError(f"channel offset {site.channel_offset} in {site.function} is not a small number of words")
    return site.channel_offset // 8


def _window_word(offset: int, function: str) -> int:
    if offset % 8 or offset >= WINDOW_BYTES:
        raise ValueError(f"closure at {offset} in {function} is outside the {WINDOW_BYTES} bytes that are read")
    return offset // 8
