"""The probes in one program: planes attached and detached, with the checks before and after. Composition: joins plan,
kernel and memory. It does not decide (the governor does) and does not know what is counted (the model does).
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np

from otelchan import clock
from otelchan.config import Config
from otelchan.errors import BinaryError
from otelchan.gobinary.skipped import skip_ranges
from otelchan.gobinary.types import GoImage
from otelchan.kernel.session import Session
from otelchan.kernel.target import set_skips, target_entry
from otelchan.memory.types import Reader
from otelchan.plan.catalogue import PLANE_ORDER, PROBES
from otelchan.plan.costs import without_stacks
from otelchan.plan.types import AttachPlan, Costs, Plane, PlannedSite
from otelchan.programs import rules_of
from otelchan.target.types import Process

log = logging.getLogger("otelchan")

ON, OFF, NOT_FOUND, OVER_BUDGET, NOT_EFFECTIVE = "on", "off", "not found", "over budget", "not effective"
NOT_WANTED = "not wanted"  # left out by the settings
SLICED = "sliced"  # over the budget, and counted in time slices
SHARED = -1  # in place of a link: that of the executable file
_NEVER = (1 << 64) - 1
_TRAP = b"\xcc"  # int3, which the kernel puts where a uprobe is


def cost_of(hits: np.ndarray, costs: Costs) -> dict[Plane, tuple[int, int]]:
    """(hits, estimated probe time in nanoseconds) by plane. hits: by kind of site."""
    found, by_kind = dict.fromkeys(PLANE_ORDER, (0, 0)), hits.tolist()
    for probe in PROBES:
        number = by_kind[probe.number]
        if not number:
            continue
        count, cost_ns = found[probe.plane]
        found[probe.plane] = (count + number, cost_ns + number * costs.by_kind[probe.kind])
    return found


def newborn_entry(image: GoImage, config: Config) -> np.ndarray:
    """What the kernel side is to know of a program that has not begun yet, loaded where it was linked."""
    entry = target_entry(image, 0)
    rules = rules_of(config)
    if rules.skip:
        set_skips(entry, skip_ranges(image, rules.skips).ranges, 0)
    entry["span_threshold_ns"] = int(config.span_threshold_ms * 1_000_000)
    entry["spans_allowed"] = int(min(config.spans_per_second, config.spans_per_second_total))
    return entry


def mark(entry: np.ndarray, plane: Plane, epoch: int) -> None:
    """The kernel side is to know that a plane is attached, for the so-manieth time."""
    if plane is Plane.MAKES:
        entry["makes_since"] = clock.monotonic_ns()
    elif plane in (Plane.WAITS, Plane.OPERATIONS):
        entry[f"{plane.value}_epoch"] = epoch


def unmark(entry: np.ndarray, plane: Plane, epoch: int) -> None:
    """The kernel side is to know that a plane is off."""
    if plane is Plane.WAITS:
        entry["waits_epoch"] = epoch  # what is parked now may wake unseen
    elif plane is Plane.OPERATIONS:
        entry["operations_epoch"] = 0
    elif plane is Plane.MAKES:
        entry["makes_since"] = _NEVER


class Probes:
    """What is attached to one program. states: plane -> "on", "off", "not found", "over budget", "sliced", "not
    wanted", "not effective"."""

    def __init__(
        self,
        session: Session,
        process: Process,
        image: GoImage,
        bias: int,
        reader: Reader,
        plan: AttachPlan,
        entry: np.ndarray | None = None,
    ) -> None:
        """entry: what the kernel side has been told of the process already, when it has."""
        self.plan = plan
        self.links: dict[Plane, int] = {}
        self.states: dict[Plane, str] = dict.fromkeys(PLANE_ORDER, OFF)
        self.states.update({Plane(left.what): NOT_WANTED if left.asked else NOT_FOUND for left in plan.left_out})
        self._session = session
        self._process = process
        self._bias = bias
        self._image = image
        self._reader = reader
        self._entry = target_entry(image, bias) if entry is None else entry
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
        self._set("spans_allowed", total)

    @property
    def stacks_off(self) -> bool:
        """Whether hits do without stacks and without who uses a channel, which makes them cheaper."""
        return bool(self._entry["stacks_off"])

    def stacks(self, on: bool) -> None:
        """From now on hits read stacks, and who uses a channel; or not."""
        self._set("stacks_off", int(not on))

    def costs(self) -> Costs:
        """Of a hit, as hits are now."""
        return without_stacks(self.plan.costs) if self.stacks_off else self.plan.costs

    def compare_code(self) -> None:
        """Raises BinaryError when the code in memory of any site is not the file's; MemoryGone."""
        for sites in self.plan.planes.values():
            self._compare_code(sites)

    def turn(self) -> int:
        """The next round: what is sent from now on says so, and has its own longest blocks. Returns its number."""
        self._set("round", int(self._entry["round"]) + 1)
        return int(self._entry["round"])

    def _set(self, field: str, value: int) -> None:
        if value != int(self._entry[field]):
            self._entry[field] = value
            self._write()

    def threshold_ns(self, threshold_ns: int) -> None:
        """Blocks as long as this or longer become spans, at once."""
        self._set("span_threshold_ns", threshold_ns)

    def objectives(self, number: int) -> None:
        """So many of its channels and operations have a fine histogram; see Session.fine_add."""
        self._set("objectives", number)

    def join(self, file: int) -> None:
        """From now on the probes that all processes of the file share count this one."""
        self._write()
        self._session.processes.join(self._process.pid, file, self.plan.target_id)

    def skip(self, skips: Callable[[str], bool]) -> None:
        """Channels that are made in such functions from now on are named by the caller."""
        found = skip_ranges(self._image, skips)
        if found.left_out:
            log.warning(
                "pid %d: naming.skip fits functions in more places than can be told apart: %s and %d others name their "
                "channels themselves; give globs that fit fewer",
                self._process.pid,
                found.left_out[0],
                len(found.left_out) - 1,
            )
        set_skips(self._entry, found.ranges, self._bias)
        self._write()

    def attach(self, plane: Plane) -> bool:
        """Attach a plane; False when the traps turn out not to be in the program: then it is off again, for good.

        Raises BinaryError when the code in memory is not the file's, KernelError, MemoryGone.
        """
        sites = self.plan.planes[plane]
        self._compare_code(sites)
        self._epoch += 1
        mark(self._entry, plane, self._epoch)
        self._write()
        offsets, cookies = [s.file_offset for s in sites], [s.cookie for s in sites]
        self.links[plane] = self._session.attach(self.plan.path, offsets, cookies, self._process.pid)
        if not self._is_effective(plane, sites):
            self._lacks(plane)
            return False
        self.states[plane] = ON
        return True

    def detach(self, plane: Plane, state: str = OFF) -> None:
        """Take a plane's traps out, if they are in. Returns when they are gone."""
        self.states[plane] = state
        link = self.links.pop(plane, None)
        if link is None:
            return
        if link != SHARED:
            self._session.detach(link)
        self._epoch += 1
        unmark(self._entry, plane, self._epoch)
        self._write()

    def detach_all(self) -> None:
        """Take all traps out, of all planes at the same time. Returns when they are gone."""
        self._session.detach(*(link for link in self.links.values() if link != SHARED))
        for plane in reversed(PLANE_ORDER):
            self.detach(plane)

    def expects(self, plane: Plane, epoch: int) -> None:
        """A plane is about to be attached that all processes of the file share. Raises BinaryError, MemoryGone."""
        self._compare_code(self.plan.planes[plane])
        mark(self._entry, plane, epoch)
        self._write()

    def shares(self, plane: Plane) -> bool:
        """It is attached; False when its traps turn out not to be in this program. Raises MemoryGone."""
        self.links[plane], self.states[plane] = SHARED, ON
        if not self._is_effective(plane, self.plan.planes[plane]):
            self._lacks(plane)
            return False
        return True

    def _lacks(self, plane: Plane) -> None:
        """Its traps are not in the program. Without waits operations mean nothing, not in time slices either: those
        have the same sites, and would count none of what passes from goroutine to goroutine."""
        self.detach(plane, NOT_EFFECTIVE)
        if plane is Plane.WAITS and Plane.OPERATIONS in self.plan.planes and Plane.OPERATIONS not in self.links:
            self.states[Plane.OPERATIONS] = NOT_EFFECTIVE

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
