"""bpf(2) by number: links and maps, whoever loaded the program.

Source of layouts: include/uapi/linux/bpf.h (union bpf_attr), Linux 6.6 for uprobe_multi.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator

from otelchan.errors import KernelError

_SYS_BPF, _SYS_CLOSE_RANGE = 321, 436  # x86-64
_CLOSE_RANGE_UNSHARE = 1 << 1  # include/uapi/linux/close_range.h
LAST_DESCRIPTOR = (1 << 32) - 1
_MAP_LOOKUP, _MAP_UPDATE, _MAP_DELETE, _PROG_LOAD, _MAP_POP, _LINK_CREATE = 1, 2, 3, 5, 21, 28
_LOOKUP_BATCH, _TAKE_BATCH = 24, 25
_PROG_TYPE_KPROBE = 2  # enum bpf_prog_type: uprobes too
_PERF_EVENT, TRACE_UPROBE_MULTI = 41, 48  # enum bpf_attach_type

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


class _Element(ctypes.Structure):
    _fields_ = [
        ("map_fd", ctypes.c_uint32),
        ("pad", ctypes.c_uint32),
        ("key", ctypes.c_uint64),
        ("value", ctypes.c_uint64),
        ("flags", ctypes.c_uint64),
    ]


class _Batch(ctypes.Structure):
    _fields_ = [
        ("in_batch", ctypes.c_uint64),
        ("out_batch", ctypes.c_uint64),
        ("keys", ctypes.c_uint64),
        ("values", ctypes.c_uint64),
        ("count", ctypes.c_uint32),
        ("map_fd", ctypes.c_uint32),
        ("elem_flags", ctypes.c_uint64),
        ("flags", ctypes.c_uint64),
    ]


class _UprobeMulti(ctypes.Structure):
    _fields_ = [
        ("prog_fd", ctypes.c_uint32),
        ("target_fd", ctypes.c_uint32),
        ("attach_type", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("path", ctypes.c_uint64),
        ("offsets", ctypes.c_uint64),
        ("ref_ctr_offsets", ctypes.c_uint64),
        ("cookies", ctypes.c_uint64),
        ("cnt", ctypes.c_uint32),
        ("multi_flags", ctypes.c_uint32),
        ("pid", ctypes.c_uint32),
        ("pad", ctypes.c_uint32),
    ]


class _ProgLoad(ctypes.Structure):
    _fields_ = [
        ("prog_type", ctypes.c_uint32),
        ("insn_cnt", ctypes.c_uint32),
        ("insns", ctypes.c_uint64),
        ("license", ctypes.c_uint64),
        ("log_level", ctypes.c_uint32),
        ("log_size", ctypes.c_uint32),
        ("log_buf", ctypes.c_uint64),
        ("kern_version", ctypes.c_uint32),
        ("prog_flags", ctypes.c_uint32),
        ("prog_name", ctypes.c_char * 16),
        ("prog_ifindex", ctypes.c_uint32),
        ("expected_attach_type", ctypes.c_uint32),
    ]


class _PerfLink(ctypes.Structure):
    _fields_ = [
        ("prog_fd", ctypes.c_uint32),
        ("target_fd", ctypes.c_uint32),
        ("attach_type", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("cookie", ctypes.c_uint64),
    ]


def _bpf(command: int, attributes: ctypes.Structure) -> int:
    result: int = _libc.syscall(_SYS_BPF, command, ctypes.byref(attributes), ctypes.sizeof(attributes))
    return result if result >= 0 else -ctypes.get_errno()


def _checked(result: int, what: str) -> int:
    if result < 0:
        raise KernelError(f"{what} failed: {os.strerror(-result)} (errno {-result}); run `otelchan doctor`")
    return result


def _descriptor(result: int) -> int:
    if result < 0:
        raise OSError(-result, os.strerror(-result))
    return result


def close_range(first: int, last: int, *, unshare: bool = False) -> None:
    """Close all descriptors from `first` to `last`. unshare: this thread has a table of descriptors of its own from now
    on, and what is closed is closed there only (Linux 5.9). Raises OSError.
    """
    flags = _CLOSE_RANGE_UNSHARE if unshare else 0
    if _libc.syscall(_SYS_CLOSE_RANGE, ctypes.c_uint(first), ctypes.c_uint(last), ctypes.c_uint(flags)) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def load_program(instructions: bytes, attach_type: int) -> int:
    """Load a uprobe program, 8 bytes per instruction; returns its descriptor. Raises OSError."""
    code = ctypes.create_string_buffer(instructions, len(instructions))
    license_name = ctypes.create_string_buffer(b"Dual BSD/GPL")
    attributes = _ProgLoad(
        prog_type=_PROG_TYPE_KPROBE,
        insn_cnt=len(instructions) // 8,
        insns=ctypes.addressof(code),
        license=ctypes.addressof(license_name),
        prog_name=b"oc_trial",
        expected_attach_type=attach_type,
    )
    return _descriptor(_bpf(_PROG_LOAD, attributes))


def map_lookup(fd: int, key: bytes, value_size: int) -> bytes | None:
    """The value at `key`, or None."""
    key_buffer = ctypes.create_string_buffer(key, len(key))
    value = ctypes.create_string_buffer(value_size)
    attributes = _Element(fd, 0, ctypes.addressof(key_buffer), ctypes.addressof(value), 0)
    result = _bpf(_MAP_LOOKUP, attributes)
    if result == -2:  # ENOENT
        return None
    _checked(result, "reading a BPF map")
    return value.raw


def map_update(fd: int, key: bytes, value: bytes) -> None:
    """Write one element."""
    key_buffer = ctypes.create_string_buffer(key, len(key))
    value_buffer = ctypes.create_string_buffer(value, len(value))
    attributes = _Element(fd, 0, ctypes.addressof(key_buffer), ctypes.addressof(value_buffer), 0)
    _checked(_bpf(_MAP_UPDATE, attributes), "writing a BPF map")


def map_delete(fd: int, key: bytes) -> None:
    """Delete one element; it need not exist."""
    key_buffer = ctypes.create_string_buffer(key, len(key))
    attributes = _Element(fd, 0, ctypes.addressof(key_buffer), 0, 0)
    result = _bpf(_MAP_DELETE, attributes)
    if result != -2:
        _checked(result, "deleting from a BPF map")


def queue_push(fd: int, value: bytes) -> None:
    """Put an element at the end of a queue map (Linux 4.20), whose elements have no keys."""
    buffer = ctypes.create_string_buffer(value, len(value))
    _checked(_bpf(_MAP_UPDATE, _Element(fd, 0, 0, ctypes.addressof(buffer), 0)), "writing to a BPF queue")


def queue_pop(fd: int, value_size: int) -> bytes | None:
    """Take the first element of a queue map; None when it is empty."""
    value = ctypes.create_string_buffer(value_size)
    result = _bpf(_MAP_POP, _Element(fd, 0, 0, ctypes.addressof(value), 0))
    if result == -2:  # ENOENT
        return None
    _checked(result, "reading a BPF queue")
    return value.raw


def map_items(
    fd: int, key_size: int, value_size: int, chunk: int = 4096, take: bool = False
) -> tuple[bytearray, bytearray]:
    """All keys and all values of a hash map, concatenated in the same order: see map_pieces."""
    keys, values = bytearray(), bytearray()
    for some_keys, some_values in map_pieces(fd, key_size, value_size, chunk, take):
        keys += some_keys
        values += some_values
    return keys, values


def map_pieces(
    fd: int, key_size: int, value_size: int, chunk: int, take: bool = False
) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a hash map, up to `chunk` of them at a time, read in batches (Linux 5.6); one piece at least.

    What is inserted or deleted meanwhile may or may not be there; what stays is there once. take: delete what is read.
    """
    keys = ctypes.create_string_buffer(key_size * chunk)
    values = ctypes.create_string_buffer(value_size * chunk)
    cursor = ctypes.create_string_buffer(max(key_size, 8))
    started = False
    while True:
        where = ctypes.addressof(cursor)
        attributes = _Batch(
            where if started else 0, where, ctypes.addressof(keys), ctypes.addressof(values), chunk, fd, 0, 0
        )
        result = _bpf(_TAKE_BATCH if take else _LOOKUP_BATCH, attributes)
        if result not in (0, -2):
            _checked(result, "reading a BPF map in batches")
        count = attributes.count
        yield ctypes.string_at(keys, count * key_size), ctypes.string_at(values, count * value_size)
        if result == -2:  # ENOENT: that was the last batch
            return
        started = True


def link_uprobe_multi(program_fd: int, path: str, offsets: list[int], cookies: list[int], pid: int) -> int:
    """Attach a program at file offsets of `path`, in one process (its thread-group id) or, with 0, in all.

    Returns a link descriptor; closing it detaches. Needs CAP_BPF and CAP_PERFMON and Linux 6.6.
    Raises OSError with the kernel's errno.
    """
    name = ctypes.create_string_buffer(os.fsencode(path))
    count = len(offsets)
    offset_array = (ctypes.c_uint64 * count)(*offsets)
    cookie_array = (ctypes.c_uint64 * count)(*cookies)
    attributes = _UprobeMulti(
        program_fd,
        0,
        TRACE_UPROBE_MULTI,
        0,
        ctypes.addressof(name),
        ctypes.addressof(offset_array),
        0,
        ctypes.addressof(cookie_array),
        count,
        0,
        pid & 0xFFFFFFFF,
    )
    return _descriptor(_bpf(_LINK_CREATE, attributes))


def link_perf_event(program_fd: int, event_fd: int, cookie: int) -> int:
    """Let a perf event run a program, which gets `cookie` (Linux 5.15); returns a link descriptor.

    The link keeps the event: with its descriptor closed, closing the link ends both. Raises OSError.
    """
    attributes = _PerfLink(program_fd, event_fd & 0xFFFFFFFF, _PERF_EVENT, 0, cookie)
    return _descriptor(_bpf(_LINK_CREATE, attributes))
