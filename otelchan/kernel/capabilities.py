"""What this thread may do beyond what its user may: Linux capabilities, read and given up.

Source: include/uapi/linux/capability.h (numbers, version 3 of the header) and prctl.h. They belong to a thread: one
that starts has those of who started it. What is given up does not come back.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from enum import IntEnum
from typing import TypeVar

_SYS_CAPGET, _SYS_CAPSET = 125, 126  # x86-64
_VERSION_3 = 0x20080522
_SET_NO_NEW_PRIVS = 38
_WORDS = 2

T = TypeVar("T")

_libc = ctypes.CDLL(None, use_errno=True)


class Capability(IntEnum):
    """Those that otelchan may have a use for."""

    DAC_OVERRIDE = 1
    DAC_READ_SEARCH = 2
    NET_BIND_SERVICE = 10
    SYS_PTRACE = 19
    SYS_ADMIN = 21
    SYS_NICE = 23
    PERFMON = 38
    BPF = 39

    def __str__(self) -> str:
        return f"CAP_{self.name}"


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Word(ctypes.Structure):
    _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)]


def permitted() -> frozenset[int]:
    """The numbers of those that this thread has. Raises OSError."""
    words = _get()
    return frozenset(number for number in range(32 * _WORDS) if words[number // 32].permitted >> number % 32 & 1)


def keep(wanted: Iterable[int]) -> None:
    """Give up all but these, in this thread and in those that it starts from now on; programs that it executes get no
    others either, whatever their files say (no_new_privs). Raises OSError, and then it has what it had.
    """
    words = _get()
    masks = [sum(1 << number % 32 for number in set(wanted) if number // 32 == index) for index in range(_WORDS)]
    for word, mask in zip(words, masks, strict=True):
        word.permitted &= mask
        word.effective &= mask
        word.inheritable &= mask
    if _libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    _call(_SYS_CAPSET, words)


def alone(work: Callable[[], T], *wanted: int) -> T:
    """Do that in a thread that has no capability but these; threads that it starts have no others. Where they cannot be
    given up (keep), it has all: it is said when the agent itself gives up what it needs no more."""
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            with suppress(OSError):
                keep(wanted)
            results.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="alone")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def _get() -> ctypes.Array[_Word]:
    words = (_Word * _WORDS)()
    _call(_SYS_CAPGET, words)
    return words


def _call(number: int, words: ctypes.Array[_Word]) -> None:
    header = _Header(_VERSION_3, 0)
    if _libc.syscall(number, ctypes.byref(header), words) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
