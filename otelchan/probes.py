"""The probes in one program: planes attached and detached, with the checks before and after. Composition: joins plan,
kernel and memory. It does not decide (the governor does) and does not know what is counted (the model does).
"""

from __future__ import annotations

import logging

import numpy as np

from otelchan.errors import BinaryError
from otelchan.gobinary.types import GoImage
from otelchan.kernel.session import Session
from otelchan.kernel.target import target_entry
from otelchan.memory.types import Reader
from otelchan.plan.catalogue import PLANE_ORDER, PROBES
from otelchan.plan.types import AttachPlan, Plane, PlannedSite
from otelchan.target.types import Process

log = logging.getLogger("otelchan")

ON, OFF, NOT_FOUND, OVER_BUDGET, NOT_EFFECTIVE = "on", "off", "not found", "over budget", "not effective"
_TRAP = b"\xcc"  # int3, which the kernel puts where a uprobe is


def cost_of(hits: np.ndarray) -> dict[Plane, tuple[int, int]]:
    """(hits, estimated probe time in nanoseconds) by plane. hits: by kind of site."""
    found = dict.fromkeys(PLANE_ORDER, (0, 0))
    for probe in PROBES:
        count, cost_ns = found[probe.plane]
        number = int(hits[probe.number])
        found[probe.plane] = (count + number, cost_ns + number * probe.cost_ns)
    return found


class Probes:
    """What is attached to one program. states: plane -> "on", "off", "not found", "over budget", "not effective"."""

    def __init__(
        self, session: Session, process: Process, image: GoImage, bias: int, reader: Reader, plan: AttachPlan
    ) -> None:
        self.plan = plan
        self.links: dict[Plane, int] = {}
        self.states: dict[Plane, str] = dict.fromkeys(PLANE_ORDER, OFF)
        self.states.update({Plane(left.what): NOT_FOUND for left in plan.left_out})
        self._session = session
        self._process = process
        self._bias = bias
        self._reader = reader
        self._entry = target_entry(image, bias)
        self._epoch = 0

    @property
    def waits_epoch(self) -> int:
        """Which attachment of the waits plane park entries must belong to; one that no entry has while it is off."""
        return int(self._entry["waits_epoch"])

    def possible(self, plane: Plane) -> bool:
        """Whether the plane is out and could be attached now."""
        if plane in self.links or plane not in self.plan.planes or self.states[plane] == NOT_EFFECTIVE:
            return False
        # What passes from goroutine to goroutine is counted by waits: without them operations mean nothing.
        return plane is not Plane.OPERATIONS or Plane.WAITS in self.links

    def allow_spans(self, total: int) -> None:
        """So many spans may have been sent since the beginning, in all."""
        if total != int(self._entry["spans_allowed"]):
            self._entry["spans_allowed"] = total
            self._write()

    def threshold_ns(self, threshold_ns: int) -> None:
        """Blocks as long as this or longer become spans, at once."""
        if threshold_ns != int(self._entry["span_threshold_ns"]):
            self._entry["span_threshold_ns"] = threshold_ns
            self._write()

    def attach(self, plane: Plane) -> bool:
        """Attach a plane; False when the traps turn out not to be in the program: then it is off again, for good.

        Raises BinaryError when the code in memory is not the file's, KernelError, MemoryGone.
        """
        sites = self.plan.planes[plane]
        self._compare_code(sites)
        self._epoch += 1
        if plane is not Plane.MAKES:
            self._entry[f"{plane.value}_epoch"] = self._epoch
        self._write()
        offsets, cookies = [s.file_offset for s in sites], [s.cookie for s in sites]
        self.links[plane] = self._session.attach(self.plan.path, offsets, cookies, self._process.pid)
        if not self._is_effective(plane, sites):
            self.detach(plane, NOT_EFFECTIVE)
            return False
        self.states[plane] = ON
        return True

    def detach(self, plane: Plane, state: str = OFF) -> None:
        """Take a plane's traps out, if they are in. Returns when they are gone."""
        self.states[plane] = state
        link = self.links.pop(plane, None)
        if link is None:
            return
        self._session.detach(link)
        self._epoch += 1
        if plane is Plane.WAITS:
            self._entry["waits_epoch"] = self._epoch  # what is parked now may wake unseen
        elif plane is Plane.OPERATIONS:
            self._entry["operations_epoch"] = 0
        self._write()

    def _write(self) -> None:
        self._session.write_target(self.plan.target_id, self._entry)

    def _compare_code(self, sites: tuple[PlannedSite, ...]) -> None:
        """The live instruction must be the file's, or another tracer's trap in front of the file's rest."""
        for site in (planned.site for planned in sites):
            live = self._reader.read(site.address + self._bias, len(site.code))
            if live != site.code and (live[:1] != _TRAP or live[1:] != site.code[1:]):
                raise BinaryError(
                    f"pid {self._process.pid}: the code of {site.function} at {site.address:#x} is {live.hex()} in "
                    f"memory but {site.code.hex()} in {self._process.executable}: one of them was changed; "
                    "restart the program"
                )

    def _is_effective(self, plane: Plane, sites: tuple[PlannedSite, ...]) -> bool:
        for site in (planned.site for planned in sites):
            if self._reader.read(site.address + self._bias, 1) != _TRAP:
                log.warning(
                    "pid %d: the %s plane is off: its probe in %s is not in the program's memory, so its code is not "
                    "mapped from the file; only the census works",
                    self._process.pid,
                    plane,
                    site.function,
                )
                return False
        return True
