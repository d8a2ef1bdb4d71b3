"""A finding: something wrong, said in words and in facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from otelchan.gobinary.types import Frame


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong in one program now.

    id: "F1" and so on (requirements). severity: "info", "warning", "critical".
    sentence: what a tired person reads; says what, where, how many, how long, how fast.
    channel: channel.name, "" when none. site: where the goroutines are blocked. created_by: where they were started.
    count: goroutines. oldest_ns: age of the oldest. growth_per_minute: goroutines per minute, over what was watched.
    facts: the rest, by name, for --json.
    """

    id: str
    severity: str
    sentence: str
    channel: str
    wait_reason: str
    site: Frame | None
    created_by: Frame | None
    count: int
    oldest_ns: int
    oldest_at_least: bool
    growth_per_minute: float
    evidence: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
