"""A small program of our own for calibration: loops around instructions that the kernel side takes for sites.

Each loop sets the registers as a Go program has them there, and executes the site as often as it is told. amd64 only.
Instruction encodings: Intel SDM volume 2. The site is `jne` to the next instruction (75 00), which the kernel emulates
(arch/x86/kernel/uprobes.c, branch_setup_xol_ops), as it does most of the real ones.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

SITE = bytes.fromhex("7500")
_SAVE = bytes.fromhex("53 55 4154 4155 4156 4157")  # push rbx, rbp, r12 to r15
_ENTER = bytes.fromhex("4989fc 4989e5")  # mov r12, rdi (how often); mov r13, rsp
# mov from the words that rsi points to, in this order: rax rbx rcx rdx rbp r8 r9 r14 rsp
_LOAD = bytes.fromhex("488b06 488b5e08 488b4e10 488b5618 488b6e20 4c8b4628 4c8b4e30 4c8b7638 488b6640")
REGISTERS = ("rax", "rbx", "rcx", "rdx", "rbp", "r8", "r9", "r14", "rsp")
_LEAVE = bytes.fromhex("4c89ec 415f 415e 415d 415c 5d 5b c3")  # mov rsp, r13; pop all; ret
_COUNT_DOWN = bytes.fromhex("49ffcc")  # dec r12
_JUMP_BACK = bytes.fromhex("0f85")  # jnz, 32 bits
_JUMP_BYTES = 6
_SLEEPER = bytes.fromhex("4d89c6")  # mov r14, r8: the goroutine that parks
_WAKER = bytes.fromhex("4d89ce")  # mov r14, r9: the one that readies it
_FIRST_CASE = bytes.fromhex("31c0")  # xor eax, eax: what a select has chosen
_CASES = bytes.fromhex("4889c8 bb01000000")  # mov rax, rcx; mov ebx, 1: the cases of a select, and how many

FRAME = 48
"""Bytes from the stack pointer to the return address, at sites where the kernel side looks for it."""
SLEEPER_SLOT = 4
"""Which word of the stack has the sleeper, at the wake."""
OK_REGISTER = 2
"""rdx: whether a select that receives got an element."""

# enum oc_kind and flags in bpf/otelchan.h
PARK, WAKE, SEND, RECV, RECV_CLOSED, SELECT, MAKE, CLOSE = 1, 2, 3, 4, 5, 6, 7, 8
WOULD_BLOCK, SELECT_DEFAULT = 10, 11
_RECEIVES = 1  # enum oc_operation


class Place(NamedTuple):
    """A site. offset: in the program. rest: of its cookie, without the target: see plan/cookie.py."""

    kind: int
    offset: int
    rest: int


class Loop(NamedTuple):
    """A function of C, void (uint64_t times, void *words), that passes its places once each time around."""

    offset: int
    places: tuple[Place, ...]


class Program(NamedTuple):
    """code: to be mapped at the beginning of a page."""

    code: bytes
    loops: tuple[Loop, ...]


def program() -> Program:
    """One loop for each kind of site; a park and its wake are in one, as neither comes without the other."""
    framed = _rest(frame=FRAME)
    bodies: tuple[tuple[tuple[bytes, int, int], ...], ...] = (
        ((_SLEEPER, PARK, 0), (_WAKER, WAKE, _rest(flags=_RECEIVES, frame=FRAME, aux=SLEEPER_SLOT))),
        ((b"", SEND, 0),),
        ((b"", RECV, 0),),
        ((b"", RECV_CLOSED, 0),),
        ((_FIRST_CASE, SELECT, _rest(frame=FRAME, aux=OK_REGISTER)),),
        ((b"", MAKE, framed),),
        ((b"", CLOSE, framed),),
        ((b"", WOULD_BLOCK, 0),),
        ((_CASES, SELECT_DEFAULT, framed),),
    )
    code, loops = b"", []
    for body in bodies:
        code += b"\xcc" * (-len(code) % 16)  # int3: nobody runs into the next one
        start, code = len(code), code + _SAVE + _ENTER + _LOAD
        again, places = len(code), []
        for before, kind, rest in body:
            code += before
            places.append(Place(kind, len(code), kind << 16 | rest))
            code += SITE
        code += _COUNT_DOWN
        code += _JUMP_BACK + struct.pack("<i", again - len(code) - _JUMP_BYTES) + _LEAVE
        loops.append(Loop(start, tuple(places)))
    return Program(code, tuple(loops))


def _rest(flags: int = 0, frame: int = 0, aux: int = 0) -> int:
    """The channel is always in rax, register 0."""
    return flags << 32 | frame << 40 | aux << 56
