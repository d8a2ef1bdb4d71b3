"""What a report is made of: plain values, the same whether they come from recorded OTLP or from a snapshot.

Times are Unix nanoseconds, durations seconds, rates per second. None says that something is not known, never 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from otelchan.gobinary.types import Frame


class Line(NamedTuple):
    """One line of a chart. values: one for each of times; None: there is none, so the line has a gap there."""

    label: str
    times: Sequence[int]
    values: Sequence[float | None]


class HeatMap(NamedTuple):
    """How often something took how long. edges: one more than columns; column i is from edges[i] to edges[i + 1].

    bounds: inclusive upper bounds of the buckets in seconds, ascending; the last bucket has none, so there is one more
    row than bounds. rows: by bucket, the lowest first, per second in each column; None: not known.
    """

    edges: Sequence[int]
    bounds: Sequence[float]
    rows: Sequence[Sequence[float | None]]


class Stretch(NamedTuple):
    """A time in which a state held."""

    start: int
    end: int
    state: str


class Timeline(NamedTuple):
    """One row of a state timeline: stretches in their order, which do not overlap; between two nothing is known."""

    label: str
    stretches: Sequence[Stretch]


class Node(NamedTuple):
    """A function or a channel. id: unique in its graph. kind: "function" or "channel". note: a second line.

    state: "blocked" (somebody waits there now), "suspected" (a finding is about it), "" otherwise.
    """

    id: str
    kind: str
    title: str
    note: str = ""
    state: str = ""


class Arrow(NamedTuple):
    """From a node to another one, by their ids. In a topology elements go along it: function to channel sends, channel
    to function receives. In a chain it says who waits for whom. label: such as "4 wait". blocked: somebody waits."""

    source: str
    target: str
    label: str = ""
    blocked: bool = False


class Graph(NamedTuple):
    """Each arrow's ends are among the nodes. left_out: nodes that were left out, so that the rest can be read."""

    nodes: Sequence[Node]
    arrows: Sequence[Arrow]
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Waits:
    """Block times of one operation on one channel name over the whole time. p50, p99: seconds, the upper edges of the
    buckets they are in; None: over the highest bound, or no block at all. lowest: p50 or p99 lies over this bound."""

    operation: str
    count: int
    total: float
    p50: float | None
    p99: float | None
    highest_bound: float


class ChannelRow(NamedTuple):
    """All channels of one name. What is None was not measured.

    lag: over time; lag_now: at the end, None: no channel of the name was left then. rates: per second by (operation,
    status), over the last minute or so. totals: the same as numbers, since `Program.counted_since`, and so are waits,
    closes, residue, drained and panics. waiters, oldest: at the end, by operation; seconds. states: channels by state
    at the end. closed: the last close and the function that closed. read_delay: of receives after a close, the mean.
    """

    name: str
    source: str
    element_type: str
    lag: Line
    lag_now: float | None = None
    capacity: float | None = None
    channels: float | None = None
    states: Mapping[str, float] = {}
    waiters: Mapping[str, float] = {}
    oldest: Mapping[str, float] = {}
    rates: Mapping[tuple[str, str], float] = {}
    totals: Mapping[tuple[str, str], float] = {}
    waits: Sequence[Waits] = ()
    health: float | None = None
    closes: float | None = None
    closed: tuple[int, str] | None = None
    residue: float | None = None
    drained: float | None = None
    read_delay: float | None = None
    panics: Mapping[str, float] = {}


class MemberRow(NamedTuple):
    """A goroutine that a finding is about. words: what it does there, and what it has to do with the others."""

    goroutine_id: int
    channel: str
    words: str
    stack: Sequence[Frame]


@dataclass(frozen=True, slots=True)
class FindingRow:
    """A finding that held. start: when it began to hold. end: when it ceased; None: it held at the end.

    at_start: its words are of when it began, as it has not ended. now: goroutines at the end, where metrics say it.
    told: its span is there; else it is known by the metric alone, and there are no words of it.
    """

    id: str
    title: str
    severity: str
    sentence: str
    channel: str
    wait_reason: str
    evidence: str
    site: Frame | None
    count: int
    age: float
    start: int
    end: int | None
    at_start: bool
    told: bool = True
    now: float | None = None
    members: Sequence[MemberRow] = ()

    @property
    def channels(self) -> set[str]:
        """All that it is about."""
        return {name for name in (self.channel, *(member.channel for member in self.members)) if name}


@dataclass(frozen=True, slots=True)
class StackRow:
    """Goroutines that wait at one place. site: the innermost line that a person wrote. oldest: seconds, None: not
    known; at_least: or longer. suspected: a finding is about that place."""

    wait_reason: str
    channel: str
    operation: str
    count: int
    oldest: float | None
    at_least: bool
    site: Frame | None
    created_by: Frame | None
    stack: Sequence[Frame]
    suspected: bool


class Link(NamedTuple):
    """A step of the blocking chain: `waiters` goroutines wait in `function` to do `operation` on `channel`, whose other
    end is used by `others`. oldest: seconds, of anybody who waits there to do the same."""

    function: str
    channel: str
    operation: str
    waiters: float
    oldest: float | None
    others: Sequence[str]


class ObjectiveRow(NamedTuple):
    """A latency objective at the end. p999 and samples by window ("short", "long"). breaches: times that it opened."""

    channel: str
    operation: str
    state: str
    objective: float
    p999: Mapping[str, float]
    samples: Mapping[str, float]
    breaches: int


class Goroutines(NamedTuple):
    """blocked: a line for each wait reason. created, exited: in the recorded time; None: not known."""

    total: Line
    blocked: Sequence[Line] = ()
    oldest: Mapping[str, float] = {}
    created: float | None = None
    exited: float | None = None
    surges: float = 0.0


class Program(NamedTuple):
    """One process. key: unique on the page, safe in an address. facts: name and value, for the head of its part.

    looks: how often it was looked at; 0: there are spans only. history: there is more than one moment. still: it is a
    snapshot, for which nobody has looked for findings. missing: sentences on what is not there and why. held: findings
    over time, a row for each kind and channel, whose states are severities. counted_since: when the oldest counter
    began, 0: none. more: channels, places, links and findings that were left out, by that word. chain_by: what the
    chain was made from, "metrics" or "spans"; "": there is none.
    """

    key: str
    name: str
    facts: Sequence[tuple[str, str]]
    start: int
    end: int
    looks: int
    history: bool
    goroutines: Goroutines
    findings: Sequence[FindingRow] = ()
    channels: Sequence[ChannelRow] = ()
    heat: HeatMap | None = None
    states: Sequence[Timeline] = ()
    held: Sequence[Timeline] = ()
    places: Sequence[StackRow] = ()
    topology: Graph = Graph((), ())
    chain: Graph = Graph((), ())
    links: Sequence[Link] = ()
    objectives: Sequence[ObjectiveRow] = ()
    missing: Sequence[str] = ()
    counted_since: int = 0
    chain_by: str = ""
    more: Mapping[str, int] = {}
    still: bool = False


class Agent(NamedTuple):
    """What an agent said of itself. losses: what was lost since it started, (metric, reason, number). overhead: share
    of one core in the program that paid most, at the end. left_out: planes that are off, (plane, why, processes)."""

    name: str
    version: str
    facts: Sequence[tuple[str, str]]
    losses: Sequence[tuple[str, str, float]]
    overhead: float | None
    overhead_allowed: float | None
    left_out: Sequence[tuple[str, str, float]] = ()


class Source(NamedTuple):
    """A file that was read. kind: "OTLP" or "snapshot". foreign: parts of other producers, left out. damaged: lines
    that could not be read. torn: the last line was cut short, so the writer may be writing still."""

    path: str
    kind: str
    lines: int
    foreign: int = 0
    damaged: int = 0
    torn: bool = False


class Report(NamedTuple):
    """All of a page. more: there were more processes in the files than are read."""

    sources: Sequence[Source]
    programs: Sequence[Program]
    agents: Sequence[Agent]
    made: int
    version: str
    more: bool = False
