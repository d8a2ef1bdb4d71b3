"""What would be attached where, and why: a value that can be printed and compared, apart from the kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from otelchan.gobinary.types import Site, SiteKind


class Plane(StrEnum):
    """A group of sites that is attached and detached as one link. Given up in reverse order."""

    MAKES = "makes"
    WAITS = "waits"
    OPERATIONS = "operations"
    POLLS = "polls"


class Costs(NamedTuple):
    """What a hit costs the observed program, in nanoseconds of processor time, trap included, by kind of site.

    measured: on this machine; else on the reference machine.
    """

    by_kind: Mapping[SiteKind, int]
    measured: bool


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
    """planes: in the order of attaching; a plane is complete or left out, never half. costs: of a hit."""

    target_id: int
    path: str
    planes: dict[Plane, tuple[PlannedSite, ...]]
    left_out: tuple[LeftOut, ...]
    costs: Costs


class CpuSamples(NamedTuple):
    """What a program's threads were executing, looked at once per `period_ns` of their processor time.

    stacks: how often each was seen; live addresses being executed, innermost first, as far as the first few.
    duration_ns: of looking. cpu_ns: processor time of the threads in it, in the kernel too. threads: looked at.
    unseen: threads that could not be looked at. lost: samples that were taken and not read.
    """

    stacks: Mapping[tuple[int, ...], int]
    period_ns: int
    duration_ns: int
    cpu_ns: int
    threads: int
    unseen: int
    lost: int


class Expected(NamedTuple):
    """A rate or share that was estimated, not counted. low 0: only `high` is known, "fewer than". likely: a guess."""

    low: float
    likely: float
    high: float


class Outlook(StrEnum):
    """What the budget would do with a plane."""

    FITS = "fits"  # attached, and stays
    EXCEEDS = "exceeds"  # tried, and given up
    UNSURE = "unsure"  # the budget is within what is expected
    UNKNOWN = "unknown"  # nobody looked, or nobody could


class SiteExpectation(NamedTuple):
    """samples: at the site's own instructions. hits: a second; None: unknown."""

    planned: PlannedSite
    samples: int
    hits: Expected | None


class PlaneExpectation(NamedTuple):
    """share: of one core, hits times their cost; more than 1 where the program could not do that many any more.

    then: what the agent would do, as a sentence part.
    """

    plane: Plane
    sites: tuple[SiteExpectation, ...]
    samples: int
    hits: Expected | None
    share: Expected | None
    outlook: Outlook
    then: str
