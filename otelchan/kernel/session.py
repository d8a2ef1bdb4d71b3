"""The loaded kernel side: attach, read, detach. It moves bytes and does not know what they mean."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from otelchan.errors import KernelError
from otelchan.gobinary.types import LABEL_NAMES
from otelchan.kernel import syscall
from otelchan.kernel.holders import Holders
from otelchan.kernel.labels import name_key
from otelchan.kernel.links import allow_descriptors, allow_rings, choose_attach, link
from otelchan.kernel.loaders import OBJECT, RING, SLICE_PROGRAM, load
from otelchan.kernel.processes import Processes
from otelchan.kernel.ring import RingReader
from otelchan.kernel.types import MAPS, TARGETS, Loss
from otelchan.plan.types import Costs

RING_BYTES = 1 << 21
_MANY, _FEW, _FINE = 4096, 512, 64  # elements of a map that are read at once: 110 kB of `fine`
_MANY_BYTES = 1 << 20  # and not more than that
_FEW_TALLIES = 10
LIMITS = {"channels": 131072, "counts": 16384, "blocks": 8192, "rare": 16384, "edges": 8192, "fine": 512}
LIMITS |= {"sampled": 4096, "marks": 16384}
"""Entries: OC_CHANNELS, OC_NAMES, OC_HISTOGRAMS, OC_NAMES, OC_EDGES, OC_FINES, OC_SAMPLED, OC_MARKS."""
_REASONS = {
    errno.EPERM: "it is not permitted; run as root or with CAP_BPF and CAP_PERFMON (`otelchan doctor`)",
    errno.EACCES: "it is not permitted; run as root or with CAP_SYS_ADMIN (`otelchan doctor`)",
    errno.ESRCH: "the process is gone; look for its successor",
    errno.ENOENT: "the executable cannot be opened; look whether it was removed",
    errno.EINVAL: "the kernel refuses these places in the executable; restart the program if its file was replaced",
    errno.EMFILE: "no more files may be open; raise the limit (`ulimit -n`)",
}


class Session:
    """The loaded kernel side with its maps. Closing it takes every trap out of every program.

    backend: who loaded it. way: how it is attached. costs: of a hit on this machine, once somebody has measured them.
    """

    def __init__(
        self, parked_entries: int = 65536, path: Path = OBJECT, *, backend: str = "auto", attach: str = "auto"
    ) -> None:
        """parked_entries: goroutines that may be parked on channels at once, over all programs. path: the object for
        libbpf. backend: "auto", "libbpf" or "bcc". attach: "auto", "multi" or "perf".

        Raises KernelError: see choose_attach and load.
        """
        self.way = choose_attach(attach)
        allow_descriptors()
        allow_rings()
        self.backend, self._loaded = load(backend, self.way, parked_entries, path)
        self._fds = {name: self._loaded.map_fd(name) for name in MAPS}
        for name in LABEL_NAMES:
            syscall.map_update(self._fds["asked"], name_key(name), bytes(4))
        self._ring = RingReader(self._loaded.map_fd(RING), RING_BYTES)
        self.processes = Processes(self._loaded.map_fd)
        self._links = Holders(self._loaded.program_fd)
        self.costs: Costs | None = None
        self.limits = {**LIMITS, "parked": parked_entries}

    def attach(self, path: str, offsets: list[int], cookies: list[int], pid: int) -> int:
        """Attach at all `offsets`; returns an id for detach(). Raises KernelError, and then nothing is attached.

        pid 0: in all processes that run the file, also those that start later.
        """
        try:
            return self._links.hold(lambda: link(self.way, self._loaded.program_fd, path, offsets, cookies, pid))
        except OSError as error:
            reason = _REASONS.get(error.errno or 0, os.strerror(error.errno or 0))
            if not pid:
                raise KernelError(f"cannot attach {len(offsets)} probes to {path}: {reason}") from error
            raise KernelError(f"cannot attach {len(offsets)} probes to pid {pid} ({path}): {reason}") from error

    def detach(self, *link_ids: int) -> None:
        """Take these traps out of the program, at the same time; returns when they are gone.

        Tens of milliseconds for uprobe_multi links, one or several; for perf links about 100 ms per site, one after the
        other in the kernel, whether or not several threads close them.
        """
        self._links.release(list(link_ids))

    def detach_all(self) -> None:
        """Take every trap out of every program."""
        self.detach(*self._links)

    def slicing(self) -> tuple[int, dict[str, int]]:
        """Descriptors of the program of time slices and of the maps, by name, for kernel/slices.py. The program's is -1
        with perf events, where it is not loaded."""
        return self._loaded.program_fds.get(SLICE_PROGRAM, -1), self._fds

    def write_target(self, target_id: int, config: np.ndarray) -> None:
        """The whole entry of one target in `targets`."""
        syscall.map_update(self._fds["targets"], target_id.to_bytes(4, "little"), config.tobytes())

    def tally(self, target_id: int) -> np.ndarray:
        """The target's hits and losses."""
        _, dtype = MAPS["tallies"]
        raw = syscall.map_lookup(self._fds["tallies"], target_id.to_bytes(4, "little"), dtype.itemsize)
        return np.frombuffer(raw or bytes(dtype.itemsize), dtype).reshape(())

    def losses(self, target_id: int) -> dict[str, int]:
        """The target's losses by name, cumulative."""
        lost = self.tally(target_id)["lost"]
        return {loss.name.lower(): int(lost[loss]) for loss in Loss}

    def tallies(self) -> np.ndarray:
        """Every target's hits and losses, by target id."""
        key, dtype = MAPS["tallies"]
        _, values = syscall.map_items(self._fds["tallies"], key.itemsize, dtype.itemsize, TARGETS)
        return np.frombuffer(values, dtype)

    def tallies_of(self, targets: Collection[int]) -> Mapping[int, np.ndarray]:
        """Hits and losses of these targets; of a few by a call each, which takes less than all of them at once."""
        if len(targets) <= _FEW_TALLIES:
            return {target: self.tally(target) for target in targets}
        every = self.tallies()
        return {target: every[target] for target in targets}

    def items(self, name: str, chunk: int = _MANY) -> tuple[np.ndarray, np.ndarray]:
        """All keys and values of a hash map, in the same order. chunk: so many are read at once, if they are small."""
        key, value = MAPS[name]
        chunk = min(chunk, _MANY_BYTES // value.itemsize)
        keys, values = syscall.map_items(self._fds[name], key.itemsize, value.itemsize, chunk)
        return np.frombuffer(keys, key), np.frombuffer(values, value)

    def fine_add(self, target_id: int, name_key: int, operation: int) -> None:
        """From now on blocks of these channels are also counted in a histogram of eight buckets per octave.

        operation: 0 send, 1 receive. Once the target's entry says that it has objectives (Probes.objectives). What is
        counted already stays. Raises KernelError when there are as many as limits["fine"] says.
        """
        key = _fine_key(target_id, name_key, operation)
        size = MAPS["fine"][1].itemsize
        if syscall.map_lookup(self._fds["fine"], key, size) is not None:
            return
        try:
            syscall.map_update(self._fds["fine"], key, bytes(size))
        except KernelError as error:
            raise KernelError(
                f"objectives for more than {self.limits['fine']} channels and operations cannot be watched ({error}); "
                "let the patterns of objectives match fewer"
            ) from error

    def fine_remove(self, target_id: int, name_key: int, operation: int) -> None:
        """Not any more; what was counted is forgotten."""
        syscall.map_delete(self._fds["fine"], _fine_key(target_id, name_key, operation))

    def fine(self) -> tuple[np.ndarray, np.ndarray]:
        """Keys and values of `fine`, of all targets: one call of the kernel for each 64 of them."""
        return self.items("fine", _FINE)

    def fine_items(self, target_id: int) -> dict[tuple[int, int], np.ndarray]:
        """Counts per bucket since fine_add, by (name key, operation); for the bounds see types.bucket_bound_ns.

        Cheap enough to be called ten times a second.
        """
        keys, values = self.fine()
        mine = keys["target"] == target_id
        names, operations = keys["name_key"][mine].tolist(), keys["operation"][mine].tolist()
        return dict(zip(zip(names, operations, strict=True), values["buckets"][mine], strict=True))

    def parks(self, target_id: int, waits_epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Keys and values of `parked` of those goroutines of a target that are parked now.

        Reads the map piece by piece and keeps no more than that: 0.2 ms, and a millisecond for each 1,000 entries, of
        goroutines that are parked or were. waits_epoch: of the attachment that is on (Probes.waits_epoch).
        """
        return self.parks_of({target_id: waits_epoch})[target_id]

    def parks_of(self, epochs: Mapping[int, int]) -> dict[int, tuple[np.ndarray, np.ndarray]]:
        """The same of several targets, by one reading of the map. epochs: waits_epoch of each."""
        key, value = MAPS["parked"]
        found = {target: [(np.zeros(0, key), np.zeros(0, value))] for target in epochs}
        for pieces in syscall.map_pieces(self._fds["parked"], key.itemsize, value.itemsize, _FEW):
            keys, values = np.frombuffer(pieces[0], key), np.frombuffer(pieces[1], value)
            parked = values["time"] != 0
            for target in np.unique(keys["target"][parked]).tolist():
                if target in epochs:
                    mine = parked & (keys["target"] == target) & (values["epoch"] == epochs[target])
                    found[target].append((keys[mine], values[mine]))
        return {
            target: (np.concatenate([keys for keys, _ in parts]), np.concatenate([values for _, values in parts]))
            for target, parts in found.items()
        }

    def delete(self, name: str, keys: np.ndarray) -> None:
        """Forget these elements."""
        for key in keys:
            syscall.map_delete(self._fds[name], key.tobytes())

    def clear_target(self, target_id: int) -> None:
        """Forget everything about a target, so that its id can be used again."""
        for name in ("parked", "channels", "counts", "blocks", "rare", "edges", "fine"):
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
        self._links.close()
        self._ring.close()
        self.processes.close()
        self._loaded.close()


def _fine_key(target_id: int, name_key: int, operation: int) -> bytes:
    return np.array((target_id, name_key, operation), MAPS["fine"][0]).tobytes()


assert TARGETS <= 1 << 16  # the cookie has 16 bits for it
