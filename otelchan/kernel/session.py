"""The loaded kernel side: attach, read, detach. It moves bytes and does not know what they mean."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from otelchan.errors import KernelError
from otelchan.kernel import syscall
from otelchan.kernel.links import Attach, allow_descriptors, choose_attach, link
from otelchan.kernel.loaders import OBJECT, RING, load
from otelchan.kernel.processes import Processes
from otelchan.kernel.ring import RingReader
from otelchan.kernel.types import MAPS, TARGETS

RING_BYTES = 1 << 21
_DETACHERS = 16
LIMITS = {"channels": 131072, "counts": 16384, "blocks": 8192, "rare": 16384}  # OC_CHANNELS, OC_NAMES, OC_HISTOGRAMS
_REASONS = {
    errno.EPERM: "it is not permitted; run as root or with CAP_BPF and CAP_PERFMON (`otelchan doctor`)",
    errno.EACCES: "it is not permitted; run as root or with CAP_SYS_ADMIN (`otelchan doctor`)",
    errno.ESRCH: "the process is gone",
    errno.ENOENT: "the executable cannot be opened",
    errno.EINVAL: "the kernel refuses these places in the executable; was the file replaced?",
    errno.EMFILE: "no more files may be open; raise the limit (`ulimit -n`)",
}


class Session:
    """The loaded kernel side with its maps. Closing it takes every trap out of every program.

    backend: who loaded it. way: how it is attached.
    """

    def __init__(
        self, parked_entries: int = 65536, path: Path = OBJECT, *, backend: str = "auto", attach: str = "auto"
    ) -> None:
        """parked_entries: goroutines that may be parked on channels at once, over all programs. path: the object for
        libbpf. backend: "auto", "libbpf" or "bcc". attach: "auto", "multi" or "perf".

        Raises KernelError: see choose_attach and load.
        """
        self.way = choose_attach(attach)
        if self.way is Attach.PERF:
            allow_descriptors()
        self.backend, self._loaded = load(backend, self.way, parked_entries, path)
        self._fds = {name: self._loaded.map_fd(name) for name in MAPS}
        self._ring = RingReader(self._loaded.map_fd(RING), RING_BYTES)
        self.processes = Processes(self._loaded.map_fd)
        self._links: dict[int, list[int]] = {}
        self.limits = {**LIMITS, "parked": parked_entries}

    def attach(self, path: str, offsets: list[int], cookies: list[int], pid: int) -> int:
        """Attach at all `offsets`; returns an id for detach(). Raises KernelError, and then nothing is attached.

        pid 0: in all processes that run the file, also those that start later.
        """
        try:
            links = link(self.way, self._loaded.program_fd, path, offsets, cookies, pid)
        except OSError as error:
            reason = _REASONS.get(error.errno or 0, os.strerror(error.errno or 0))
            if not pid:
                raise KernelError(f"cannot attach {len(offsets)} probes to {path}: {reason}") from error
            raise KernelError(f"cannot attach {len(offsets)} probes to pid {pid} ({path}): {reason}") from error
        self._links[links[0]] = links
        return links[0]

    def detach(self, link_id: int) -> None:
        """Take these traps out of the program; returns when they are gone.

        Tens of milliseconds for a uprobe_multi link; for perf links about 100 ms per site, one after the other in the
        kernel, whether or not several threads close them.
        """
        for descriptor in self._links.pop(link_id, []):
            os.close(descriptor)

    def detach_all(self) -> None:
        """Take every trap out of every program: in threads, because the kernel makes each link wait by itself."""
        with ThreadPoolExecutor(_DETACHERS) as pool:
            list(pool.map(self.detach, list(self._links)))

    def write_target(self, target_id: int, config: np.ndarray) -> None:
        """The whole entry of one target in `targets`."""
        syscall.map_update(self._fds["targets"], target_id.to_bytes(4, "little"), config.tobytes())

    def tally(self, target_id: int) -> np.ndarray:
        """The target's hits and losses."""
        _, dtype = MAPS["tallies"]
        raw = syscall.map_lookup(self._fds["tallies"], target_id.to_bytes(4, "little"), dtype.itemsize)
        return np.frombuffer(raw or bytes(dtype.itemsize), dtype).reshape(())

    def tallies(self) -> np.ndarray:
        """Every target's hits and losses, by target id."""
        key, dtype = MAPS["tallies"]
        _, values = syscall.map_items(self._fds["tallies"], key.itemsize, dtype.itemsize, TARGETS)
        return np.frombuffer(values, dtype)

    def items(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """All keys and values of a hash map, in the same order."""
        key, value = MAPS[name]
        keys, values = syscall.map_items(self._fds[name], key.itemsize, value.itemsize)
        return np.frombuffer(keys, key), np.frombuffer(values, value)

    def delete(self, name: str, keys: np.ndarray) -> None:
        """Forget these elements."""
        for key in keys:
            syscall.map_delete(self._fds[name], key.tobytes())

    def clear_target(self, target_id: int) -> None:
        """Forget everything about a target, so that its id can be used again."""
        for name in ("parked", "channels", "counts", "blocks", "rare"):
            keys, _ = self.items(name)
            self.delete(name, keys[keys["target"] == target_id])
        empty = bytes(MAPS["tallies"][1].itemsize)
        syscall.map_update(self._fds["tallies"], target_id.to_bytes(4, "little"), empty)

    def release(self, pid: int, target_id: int | None) -> None:
        """A process is not counted any more: forget what was counted of it, and let its target be taken again."""
        self.processes.forget(pid, target_id)
        if target_id is not None:
            self.clear_target(target_id)
            self.processes.offer(target_id)

    def drain(self, limit: int = 10_000) -> list[bytes]:
        """Ring-buffer records that are complete now."""
        return list(self._ring.drain(limit))

    def close(self) -> None:
        """Detach everything and unload."""
        self.detach_all()
        self._ring.close()
        self.processes.close()
        self._loaded.close()


assert TARGETS <= 1 << 16  # the cookie has 16 bits for it
