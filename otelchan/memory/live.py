"""The memory of a running process, read without stopping it.

process_vm_readv(2) copies from another process by its page tables; nothing is written and no ptrace stop happens. It
needs the permission to trace the process (PTRACE_MODE_ATTACH_REALCREDS): root, CAP_SYS_PTRACE, or the same user where
the kernel's Yama settings allow it.
"""

from __future__ import annotations

import ctypes
import errno
import os

import numpy as np
from numpy.typing import NDArray

from otelchan.errors import MemoryGone, TargetError

IOV_MAX = 1024
"""Most remote pieces of one call: UIO_MAXIOV in include/uapi/linux/uio.h."""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.process_vm_readv.restype = ctypes.c_ssize_t
_libc.process_vm_readv.argtypes = [
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_ulong,
    ctypes.c_void_p,
    ctypes.c_ulong,
    ctypes.c_ulong,
]


class LiveReader:
    """The Reader of a process. bytes_read and calls: what was read so far, and by how many system calls.

    Every method raises TargetError when this process may not read that one, MemoryGone when it has exited. It reads
    whatever program the process id has now: that it is still the same one is the caller's to check (Handle.alive).
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.bytes_read = 0
        self.calls = 0

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes at a live address. Raises MemoryGone when not all of them are mapped and readable."""
        (data,) = self.read_many([(address, size)])
        if data is None:
            raise MemoryGone(
                f"{size} bytes at {address:#x} of process {self.pid} are not mapped; it may just have freed them, "
                "look again"
            )
        return data

    def read_many(self, spans: list[tuple[int, int]]) -> list[bytes | None]:
        """One entry per (address, size): the bytes, or None where not all of them are mapped and readable."""
        remote = np.array(spans, np.uint64).reshape(-1, 2)
        result: list[bytes | None] = []
        while len(result) < len(remote):
            result += self._read_batch(remote[len(result) : len(result) + IOV_MAX])
        return result

    def read_joined(self, spans: NDArray[np.uint64]) -> bytearray | None:
        """All pieces, one (address, size) per row, one after the other; None when any of them cannot be read."""
        buffer = bytearray(int(spans[:, 1].sum()))
        done = 0
        for first in range(0, len(spans), IOV_MAX):
            part = spans[first : first + IOV_MAX]
            want = int(part[:, 1].sum())
            if self._readv(buffer, part, done) != want:
                return None
            done += want
        return buffer

    def _read_batch(self, remote: NDArray[np.uint64]) -> list[bytes | None]:
        """What one system call can say: all pieces up to the first unreadable one, and None for that one."""
        buffer = bytearray(int(remote[:, 1].sum()))
        count = self._readv(buffer, remote)
        view = memoryview(buffer)
        result: list[bytes | None] = []
        begin = 0
        for end in np.cumsum(remote[:, 1]).tolist():
            if end > count:
                return [*result, None]
            result.append(bytes(view[begin:end]))
            begin = end
        return result

    def _readv(self, buffer: bytearray, remote: NDArray[np.uint64], begin: int = 0) -> int:
        """Bytes read into the buffer, from `begin` on; fewer than asked for when a page is missing."""
        size = int(remote[:, 1].sum())
        if not size:
            return 0
        pointer = ctypes.addressof(ctypes.c_char.from_buffer(buffer)) + begin
        local = np.array([pointer, size], np.uint64)
        remote = np.ascontiguousarray(remote)
        self.calls += 1
        count: int = _libc.process_vm_readv(self.pid, local.ctypes.data, 1, remote.ctypes.data, len(remote), 0)
        if count >= 0:
            self.bytes_read += count
            return count
        number = ctypes.get_errno()
        if number == errno.EFAULT:
            return 0
        if number == errno.ESRCH:
            raise MemoryGone(f"process {self.pid} has exited; nothing of it can be read any more")
        if number == errno.EPERM:
            raise TargetError(
                f"the memory of process {self.pid} may not be read; run as root, or with CAP_SYS_PTRACE "
                "(in a container also: add the capability SYS_PTRACE)"
            )
        raise MemoryGone(f"the memory of process {self.pid} cannot be read: {os.strerror(number)}; look again")
