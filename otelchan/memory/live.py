"""The memory of a running process, read without stopping it.

process_vm_readv(2) copies from another process by its page tables; nothing is written and no ptrace stop happens. It
needs the permission to trace the process (PTRACE_MODE_ATTACH_REALCREDS): root, CAP_SYS_PTRACE, or the same user where
the kernel's Yama settings allow it.
"""

from __future__ import annotations

import ctypes
import errno
import os
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from otelchan import clock
from otelchan.errors import MemoryGone, TargetError
from otelchan.memory.rows import Indices

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


class _Iovec(ctypes.Structure):
    """struct iovec."""

    _fields_ = (("base", ctypes.c_size_t), ("size", ctypes.c_size_t))


class LiveReader:
    """The Reader of a process. bytes_read and calls: what was read so far, and by how many system calls.

    Every method raises TargetError when this process may not read that one, MemoryGone when it has exited. It reads
    whatever program the process id has now: that it is still the same one is the caller's to check (Handle.alive).
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.bytes_read = 0
        self.calls = 0
        self._buffer = np.zeros(0, np.uint8)
        self._local = _Iovec()
        self._local_at = ctypes.addressof(self._local)

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

    def read_windows(self, spans: NDArray[np.uint64], bounds: Indices) -> tuple[NDArray[np.uint8], Indices]:
        """As in types.WindowReader. A window of up to IOV_MAX pieces is one system call.

        It reads into a buffer that it keeps: a page that is touched for the first time takes as long as two pieces, so
        in a new buffer windows take too long to prove anything.
        """
        remote = np.ascontiguousarray(spans)
        ends = np.concatenate((np.zeros(1, np.int64), np.cumsum(remote[:, 1]).astype(np.int64)))
        if len(self._buffer) < ends[-1]:
            self._buffer = np.empty(int(ends[-1]) * 5 // 4, np.uint8)
            self._buffer.fill(0)
        data = self._buffer[: int(ends[-1])]
        took = np.zeros(len(bounds) - 1, np.int64)
        begin, at = data.ctypes.data, remote.ctypes.data
        edges = zip(pairwise(bounds.tolist()), pairwise(ends[bounds].tolist()), strict=True)
        for window, ((first, last), (start, end)) in enumerate(edges):
            before = clock.monotonic_ns()
            if last - first <= IOV_MAX:
                whole = self._call(begin + start, end - start, at + 16 * first, last - first) == end - start
            else:
                whole = self._read_long(begin + start, remote[first:last])
            took[window] = clock.monotonic_ns() - before if whole else -1
        return data, took

    def _read_long(self, pointer: int, remote: NDArray[np.uint64]) -> bool:
        """Whether all of these pieces are there, now one after the other from the pointer on."""
        for first in range(0, len(remote), IOV_MAX):
            part = remote[first : first + IOV_MAX]
            size = int(part[:, 1].sum())
            if self._call(pointer, size, part.ctypes.data, len(part)) != size:
                return False
            pointer += size
        return True

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
        remote = np.ascontiguousarray(remote)
        return self._call(pointer, size, remote.ctypes.data, len(remote))

    def _call(self, pointer: int, size: int, remote: int, pieces: int) -> int:
        """One system call. remote: where the array of (address, size) is. Bytes read, as far as pages are there."""
        self._local.base, self._local.size = pointer, size
        self.calls += 1
        count: int = _libc.process_vm_readv(self.pid, self._local_at, 1, remote, pieces, 0)
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
