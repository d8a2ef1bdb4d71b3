"""What would be attached where, and why: a value that can be printed and compared, apart from the kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from otelchan.gobinary.types import Site, SiteKind


class Plane(StrEnum):
    """A group of sites that is attached and detached as one link."""

    MAKES = "makes"
    WAITS = "waits"
    OPERATIONS = "operations"
    POLLS = "polls"


class Extra(StrEnum):
    """What the budget pays beside planes. stacks: of spans, and who calls channel functions from where: no traps of its
    own, but hits are dearer with it. slices: of time, in which operations that are too many to be counted all are."""

    STACKS = "stacks"
    SLICES = "slices"


Part = Plane | Extra
"""What can be given up."""


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
    """A plane or site that will not be attached, with the reason as a sentence. asked: it is so by a setting."""

    what: str
    reason: str
    asked: bool = False


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


class Tried(NamedTuple):
    """What the probes of one plane met in a trial before anything is attached for good.

    hits: traps in `watched_ns`, which began when all probes were in and ended before the first went out; cost_ns: what
    they took. all_cost_ns: with those while probes went in and out, for which they were in `attached_ns` at most.
    bursts: variance of the hits in its steps by their mean, 1 when each comes by chance. stopped: it cost so much that
    it ended early. traps_out: read from the program's memory, no trap is left.
    """

    plane: Plane
    hits: int
    watched_ns: int
    cost_ns: int
    all_cost_ns: int
    attached_ns: int
    bursts: float
    stopped: bool
    traps_out: bool


class Counted(NamedTuple):
    """What a trial says: hits a second and their share of one core, with an interval for bursts like those in it."""

    tried: Tried
    hits: Expected
    share: Expected


class PlaneExpectation(NamedTuple):
    """share: of one core, hits times their cost; more than 1 where the program could not do that many any more.

    then: what the agent would do, as a sentence part. counted: None when there was no trial.
    """

    plane: Plane
    sites: tuple[SiteExpectation, ...]
    samples: int
    hits: Expected | None
    share: Expected | None
    outlook: Outlook
    then: str
    counted: Counted | None = None
