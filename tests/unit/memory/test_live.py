"""Reading the memory of a running process: of this one, which needs no privilege."""

import ctypes
import mmap
import os
import subprocess
import sys

import numpy as np
import pytest

from otelchan.errors import MemoryGone, TargetError
from otelchan.memory.live import IOV_MAX, LiveReader


@pytest.fixture
def buffer() -> ctypes.Array[ctypes.c_char]:
    """64 KiB of this process, each byte its own offset modulo 251."""
    return ctypes.create_string_buffer(bytes(i % 251 for i in range(1 << 16)), 1 << 16)


def test_bytes_are_read_as_they_are(buffer: ctypes.Array[ctypes.c_char]) -> None:
    """And counted."""
    reader = LiveReader(os.getpid())

    assert buffer.raw[100:200] == reader.read(ctypes.addressof(buffer) + 100, 100)
    assert (100, 1) == (reader.bytes_read, reader.calls)


def test_more_pieces_than_one_call_takes(buffer: ctypes.Array[ctypes.c_char]) -> None:
    """Thousands of pieces come in their order, by a thousand in each system call."""
    reader, base = LiveReader(os.getpid()), ctypes.addressof(buffer)
    spans = [(base + 7 * i, 5) for i in range(3 * IOV_MAX + 1)]
    expected = [buffer.raw[7 * i : 7 * i + 5] for i in range(3 * IOV_MAX + 1)]

    assert expected == reader.read_many(spans)
    assert bytearray().join(expected) == reader.read_joined(np.array(spans, np.uint64))
    assert 8 == reader.calls


def test_windows_are_read_by_one_call_each(buffer: ctypes.Array[ctypes.c_char]) -> None:
    """All bytes in order, and how long each window took; only one of too many pieces takes two calls."""
    reader, base = LiveReader(os.getpid()), ctypes.addressof(buffer)
    spans = [(base + 8 * n, 8) for n in range(IOV_MAX + 10)]
    data, took = reader.read_windows(np.array(spans, np.uint64), np.array([0, 3, 5, 5 + IOV_MAX + 5]))

    assert buffer.raw[: 8 * len(spans)] == data.tobytes()
    assert 3 == len(took) == int((took > 0).sum())
    assert 4 == reader.calls
    reader.read_windows(np.array(spans, np.uint64), np.array([0, len(spans)]))
    assert (6, 16 * len(spans)) == (reader.calls, reader.bytes_read)


def test_a_window_with_an_unmapped_piece_says_so(buffer: ctypes.Array[ctypes.c_char]) -> None:
    """The others are as they are."""
    reader, base = LiveReader(os.getpid()), ctypes.addressof(buffer)
    spans = np.array([(base, 8), (base + 8, 8), (8, 8), (base + 16, 8)], np.uint64)
    data, took = reader.read_windows(spans, np.array([0, 1, 3, 4]))

    assert [False, True, False] == (took < 0).tolist()
    assert buffer.raw[:8] + buffer.raw[16:24] == data[:8].tobytes() + data[24:].tobytes()


def test_an_unmapped_piece_spoils_no_other(buffer: ctypes.Array[ctypes.c_char]) -> None:
    """It alone is None, wherever it is in the list."""
    reader, base = LiveReader(os.getpid()), ctypes.addressof(buffer)

    assert [None, buffer.raw[:3], None, None, buffer.raw[:1]] == reader.read_many(
        [(8, 8), (base, 3), (8, 8), (1 << 46, 1), (base, 1)]
    )
    assert reader.read_joined(np.array([(base, 3), (8, 8)], np.uint64)) is None


def test_a_piece_that_is_only_half_mapped_is_not_read() -> None:
    """Not even its first half."""
    two = mmap.mmap(-1, 2 * mmap.PAGESIZE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(two))
    libc = ctypes.CDLL(None)
    assert libc.mprotect(ctypes.c_void_p(address + mmap.PAGESIZE), mmap.PAGESIZE, 0) == 0
    last = address + mmap.PAGESIZE - 8

    assert [bytes(8), None] == LiveReader(os.getpid()).read_many([(last, 8), (last, 9)])
    with pytest.raises(MemoryGone, match=f"9 bytes at {last:#x} of process {os.getpid()} are not mapped"):
        LiveReader(os.getpid()).read(last, 9)


def test_nothing_is_read_for_nothing() -> None:
    """No pieces and empty pieces need no system call."""
    reader = LiveReader(os.getpid())

    assert ([], [b""], b"") == (reader.read_many([]), reader.read_many([(8, 0)]), reader.read(8, 0))
    assert 0 == reader.calls


def test_a_process_that_has_exited_is_gone() -> None:
    """Whatever is asked."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()

    with pytest.raises(MemoryGone, match=f"process {child.pid} has exited"):
        LiveReader(child.pid).read_many([(0x1000, 8)])


def test_a_process_of_somebody_else_is_refused_with_advice() -> None:
    """A child that gives up root may not read its parent; without root, nobody may read process 1."""
    result, told = os.pipe()
    parent = os.getpid() if os.geteuid() == 0 else 1
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setuid(65534)
            LiveReader(parent).read(0x400000, 8)
        except TargetError as error:
            os.write(told, str(error).encode())
        finally:
            os._exit(0)
    os.close(told)
    os.waitpid(child, 0)
    message = os.read(result, 1000).decode()
    os.close(result)

    assert f"the memory of process {parent} may not be read; run as root, or with CAP_SYS_PTRACE" in message
