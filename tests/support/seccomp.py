"""System calls that this process may not make from now on, as a container's profile forbids them. For children only."""

from __future__ import annotations

import ctypes
import errno
import struct

CLONE, CLONE3, CLOSE_RANGE = 56, 435, 436  # x86-64
_SET_NO_NEW_PRIVS, _SET_SECCOMP, _FILTER = 38, 22, 2  # include/uapi/linux/prctl.h, seccomp.h
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # classic BPF: BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_JEQ|BPF_K, BPF_RET|BPF_K
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def refuse(*numbers: int, error: int = errno.EPERM) -> None:
    """These fail with `error`, in this process and all that it starts; there is no way back."""
    code = [(_LOAD, 0, 0, 0)]
    for number in numbers:
        code += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ERRNO | error)]
    code.append((_RETURN, 0, 0, _ALLOW))
    raw = b"".join(struct.pack("HBBI", *instruction) for instruction in code)
    buffer = ctypes.create_string_buffer(raw, len(raw))
    program = _Program(len(code), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in ((_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0)):
        if libc.prctl(*arguments):
            raise OSError(ctypes.get_errno(), "prctl")
