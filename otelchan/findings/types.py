"""A finding: something wrong, said in words and in facts; and all that findings make of one snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from otelchan.config import Findings
from otelchan.findings.catalogue import EVIDENCE, FINDINGS, LEAKS, SEVERITIES, STATES
from otelchan.gobinary.types import Frame
from otelchan.model.types import Age, Snapshot

__all__ = [
    "EVIDENCE",
    "FINDINGS",
    "LEAKS",
    "MOST_MEMBERS",
    "SEVERITIES",
    "STATES",
    "Actor",
    "Assessment",
    "Case",
    "Finder",
    "Finding",
    "Health",
    "Knot",
    "Member",
    "ObjectiveView",
    "Step",
]

MOST_MEMBERS = 50


class Member(NamedTuple):
    """A goroutine that a finding is about. frames: innermost first. note: what it has to do with the others."""

    goroutine_id: int
    channel: str
    operation: str
    wait_reason: str
    age: Age
    frames: tuple[Frame, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong in one program now.

    id: "F1" and so on (findings/catalogue.py). severity: "info", "warning", "critical".
    sentence: what a tired person reads; says what, where, how many, how long, how fast.
    channel: channel.name, "" when none. site: where the goroutines are blocked, or the operation was called.
    created_by: where the goroutines were started. count: goroutines, or for other findings what the catalogue says.
    oldest_ns: age of the oldest. growth_per_minute: of the count, over what was watched. evidence: a word from
    catalogue.EVIDENCE, or "". facts: the rest, by name, for --json. members: some of the goroutines, at most
    MOST_MEMBERS, where they are not all alike.
    """

    id: str
    severity: str
    sentence: str
    channel: str = ""
    wait_reason: str = ""
    site: Frame | None = None
    created_by: Frame | None = None
    count: int = 0
    oldest_ns: int = 0
    oldest_at_least: bool = False
    growth_per_minute: float = 0.0
    evidence: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
    members: tuple[Member, ...] = ()


class Actor(NamedTuple):
    """A goroutine that would have to act for another one to go on. known_by, the best that is known:

    "seen": it was seen to do so before. "holds": the channel is on its stack, or in a closure that its stack points to.
    "reaches": it is in another object that its stack points to. "code": a function on its stack does so, with channels
    of that name.
    """

    goroutine_id: int
    known_by: str


class Case(NamedTuple):
    """What a goroutine waits on: one channel, or one of several in a select. actors: best known first, at most
    MOST_MEMBERS; others: how many more there are. complete: all that ever did what is waited for were seen."""

    channel: str
    address: int
    kind: str
    operation: str
    actors: tuple[Actor, ...]
    others: int = 0
    complete: bool = False


class Step(NamedTuple):
    """One goroutine of a blocking chain. distance: steps from the one that was asked for. cases: what it waits on.

    end: why the chain does not go on from here, a word of findings.chain.ENDS; "" when it does.
    """

    goroutine_id: int
    distance: int
    wait_reason: str
    age: Age | None
    frames: tuple[Frame, ...]
    created_by: Frame | None
    cases: tuple[Case, ...]
    end: str


class Knot(NamedTuple):
    """Goroutines that wait for each other: all that could let any of them go on are among them, or wait for them.

    members: ids, those that wait on each other. behind: so many more goroutines wait for them. sending: one of them at
    least waits to send; where all receive, it may be that they have nothing to do. certain: it is a suspected deadlock.
    """

    members: tuple[int, ...]
    behind: int
    sending: bool
    certain: bool


class Finder(Protocol):
    """Finds one kind of finding in successive snapshots of one program. Bounded by what the snapshots hold."""

    def reconfigure(self, settings: Findings) -> None:
        """Other thresholds from now on."""
        ...

    def find(self, snapshot: Snapshot, earlier: Sequence[Finding]) -> list[Finding]:
        """What holds now, worst first. earlier: what those that go before have found in this snapshot: the more special
        finding speaks, and the more general one leaves out what it says."""
        ...


class Health(NamedTuple):
    """score: 0 to 100. parts: what was taken off, by the id of the finding."""

    score: int
    parts: Mapping[str, int]


class ObjectiveView(NamedTuple):
    """A latency objective of one channel name and operation now.

    state: "closed" (kept), "half-open", "open" (breached). p999_ns: by window, "short" and "long"; None: too few
    samples for it. samples: by window. objective_ns: what is allowed.
    """

    channel: str
    channel_source: str
    operation: str
    state: str
    objective_ns: int
    p999_ns: Mapping[str, int | None]
    samples: Mapping[str, int]


class Assessment(NamedTuple):
    """All that findings make of one snapshot.

    states: channels of each name by state (F12). health: by channel name (F13). surges: since attach (F2).
    surged: a surge began with this snapshot.
    """

    findings: Sequence[Finding] = ()
    states: Mapping[str, Mapping[str, int]] = {}
    health: Mapping[str, Health] = {}
    objectives: Sequence[ObjectiveView] = ()
    surges: int = 0
    surged: bool = False
