"""Run a command as on a kernel without uprobe_multi links: `python -m tests.support.old_kernel COMMAND...`.

A seccomp filter answers bpf(BPF_LINK_CREATE, ...) for such a link with EINVAL, as a kernel before 6.6 does. It sees the
size of the attributes, not what is in them: 64 bytes for uprobe_multi, 24 for a perf event (kernel/syscall.py).
Source: Documentation/userspace-api/seccomp_filter.rst; struct sock_filter {u16 code; u8 jt, jf; u32 k}.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

SYS_BPF, BPF_LINK_CREATE, UPROBE_MULTI_BYTES, EINVAL = 321, 28, 64, 22
PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
LOAD, JUMP_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
NUMBER, FIRST_ARGUMENT, THIRD_ARGUMENT = 0, 16, 32  # offsets in struct seccomp_data


def install() -> None:
    """Put the filter on this process and all that it becomes. Raises OSError; needs CAP_SYS_ADMIN."""
    program = [
        (LOAD, 0, 0, NUMBER),
        (JUMP_EQUAL, 0, 5, SYS_BPF),
        (LOAD, 0, 0, FIRST_ARGUMENT),
        (JUMP_EQUAL, 0, 3, BPF_LINK_CREATE),
        (LOAD, 0, 0, THIRD_ARGUMENT),
        (JUMP_EQUAL, 0, 1, UPROBE_MULTI_BYTES),
        (RETURN, 0, 0, ERRNO | EINVAL),
        (RETURN, 0, 0, ALLOW),
    ]
    instructions = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *line) for line in program))
    header = ctypes.create_string_buffer(struct.pack("<HxxxxxxQ", len(program), ctypes.addressof(instructions)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(header), 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_SECCOMP)")


if __name__ == "__main__":
    install()
    os.execv(sys.argv[1], sys.argv[1:])
