"""A small binding to libbpf.so.1: open an object, load it, hand out descriptors. Nothing else of libbpf is used.

Checked against libbpf 1.1.2 (Debian 12). Pointer functions return NULL and set errno, others return -errno.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping, Sequence
from ctypes import c_bool, c_char_p, c_int, c_size_t, c_uint32, c_void_p
from functools import cache
from pathlib import Path

from otelchan.errors import KernelError
from otelchan.kernel.links import NOT_PERMITTED
from otelchan.kernel.syscall import TRACE_UPROBE_MULTI

REBUILD = "install otelchan again, or in a clone run `make build`"
_SIGNATURES = {
    "bpf_object__open_file": (c_void_p, c_char_p, c_void_p),
    "bpf_object__load": (c_int, c_void_p),
    "bpf_object__close": (None, c_void_p),
    "bpf_object__find_program_by_name": (c_void_p, c_void_p, c_char_p),
    "bpf_object__find_map_by_name": (c_void_p, c_void_p, c_char_p),
    "bpf_object__find_map_fd_by_name": (c_int, c_void_p, c_char_p),
    "bpf_program__fd": (c_int, c_void_p),
    "bpf_program__set_autoload": (c_int, c_void_p, c_bool),
    "bpf_program__set_expected_attach_type": (c_int, c_void_p, c_int),
    "bpf_program__set_log_buf": (c_int, c_void_p, c_void_p, c_size_t),
    "bpf_map__set_max_entries": (c_int, c_void_p, c_uint32),
    "libbpf_set_print": (c_void_p, c_void_p),
    "libbpf_version_string": (c_char_p,),
}


@cache
def library() -> ctypes.CDLL:
    """libbpf with its signatures. Raises KernelError when it is not installed."""
    try:
        loaded = ctypes.CDLL("libbpf.so.1", use_errno=True)
    except OSError as error:
        raise KernelError(
            f"libbpf.so.1 cannot be loaded ({error}); install it (Debian, Ubuntu: apt-get install libbpf1)"
        ) from error
    for name, (result, *arguments) in _SIGNATURES.items():
        function = getattr(loaded, name)
        function.restype = result
        function.argtypes = arguments
    loaded.libbpf_set_print(None)  # silent: what it would print comes back in our error
    return loaded


def version() -> str:
    """For example "v1.1". Raises KernelError when libbpf is not installed."""
    return str(library().libbpf_version_string().decode())


def require_object(path: Path) -> Path:
    """The path. Raises KernelError when there is no such file."""
    if not path.is_file():
        raise KernelError(f"the BPF object {path} does not exist; {REBUILD}")
    return path


class BpfObject:
    """One object file, opened and loaded into the kernel. Close it to give everything back."""

    def __init__(
        self,
        path: Path,
        program: str,
        sizes: Mapping[str, int] | None = None,
        attach_type: int = TRACE_UPROBE_MULTI,
        also: Sequence[str] = (),
        without: Sequence[str] = (),
    ) -> None:
        """Load `program`, and more of them, for one way of attaching (see links); sizes: map name -> max_entries.
        without: programs that stay out of the kernel; libbpf loads all others of the object.

        Raises KernelError: no libbpf, no object, not allowed, refused by the verifier.
        """
        require_object(path)
        lib = library()
        self._handle = lib.bpf_object__open_file(os.fsencode(path), None)
        if not self._handle:
            raise KernelError(f"libbpf cannot open {path}: {os.strerror(ctypes.get_errno())}; {REBUILD}")
        self._log = ctypes.create_string_buffer(1 << 16)
        handles = {}
        for one in (program, *also):
            handles[one] = lib.bpf_object__find_program_by_name(self._handle, one.encode())
            if not handles[one]:
                raise KernelError(f"{path} has no program {one!r}; {REBUILD}")
            lib.bpf_program__set_log_buf(handles[one], self._log, len(self._log))
            lib.bpf_program__set_expected_attach_type(handles[one], attach_type)
        for one in without:
            if unwanted := lib.bpf_object__find_program_by_name(self._handle, one.encode()):
                lib.bpf_program__set_autoload(unwanted, False)
        for name, entries in (sizes or {}).items():
            found = lib.bpf_object__find_map_by_name(self._handle, name.encode())
            lib.bpf_map__set_max_entries(found, entries)
        result = lib.bpf_object__load(self._handle)
        if result < 0:
            message = self._explain(-result)
            self.close()
            raise KernelError(message)
        self.program_fds: dict[str, int] = {name: lib.bpf_program__fd(handle) for name, handle in handles.items()}
        self.program_fd: int = self.program_fds[program]

    def map_fd(self, name: str) -> int:
        """Descriptor of a map, owned by this object."""
        fd: int = library().bpf_object__find_map_fd_by_name(self._handle, name.encode())
        if fd < 0:
            raise KernelError(f"the BPF object has no map {name!r}; {REBUILD}")
        return fd

    def close(self) -> None:
        """Unload."""
        if self._handle:
            library().bpf_object__close(self._handle)
            self._handle = None

    def _explain(self, number: int) -> str:
        if number == 1:
            return f"loading a BPF program is not permitted; {NOT_PERMITTED}"
        lines = [line for line in self._log.value.decode(errors="replace").splitlines() if line]
        detail = f"; the verifier's last words: {lines[-2] if len(lines) > 1 else lines[-1]}" if lines else ""
        return f"the kernel refused the BPF program: {os.strerror(number)}{detail}; run `otelchan doctor`"
