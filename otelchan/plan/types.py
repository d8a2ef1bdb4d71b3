"""What would be attached where, and why: a value that can be printed and compared, apart from the kernel."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from otelchan.gobinary.types import Site


class Plane(StrEnum):
    """A group of sites that is attached and detached as one link. Given up in reverse order."""

    MAKES = "makes"
    WAITS = "waits"
    OPERATIONS = "operations"


class PlannedSite(NamedTuple):
    """site plus what the kernel needs: offset in the file, cookie, expected cost per hit in nanoseconds."""

    site: Site
    file_offset: int
    cookie: int
    cost_ns: int


class LeftOut(NamedTuple):
    """A plane or site that will not be attached, with the reason as a sentence."""

    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class AttachPlan:
    """planes: in the order of attaching; a plane is complete or left out, never half."""

    target_id: int
    path: str
    planes: dict[Plane, tuple[PlannedSite, ...]]
    left_out: tuple[LeftOut, ...]
