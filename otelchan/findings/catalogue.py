"""What findings there are: the one place where their ids, titles and words of evidence are declared.

docs/findings.md has a section for each; tests compare. `otelchan explain ID` shows it.
"""

from __future__ import annotations

from typing import NamedTuple

SEVERITIES = ("critical", "warning", "info")
"""Worst first."""
EVIDENCE = ("grows", "stuck", "abandoned", "nil")
"""Of leaks: the group grows; many wait and nobody gets on; nobody alive uses the other end; the channel is nil."""
STATES = ("created", "in_use", "saturated", "stalled", "closed", "dangling")
"""Of a channel: F12."""
LEAKS = ("F1", "F8", "F9")
"""Findings that are about goroutines which may never go on: the metric goroutine.leak.suspected."""


class Entry(NamedTuple):
    """counts: what Finding.count counts. within_s: with default thresholds, reported so many seconds after it began."""

    id: str
    title: str
    counts: str
    within_s: float


FINDINGS = {
    entry.id: entry
    for entry in (
        Entry("F1", "leaked goroutines", "goroutines", 75),
        Entry("F2", "goroutine surge", "goroutines", 30),
        Entry("F4", "read after close", "receives", 30),
        Entry("F5", "close fault", "panics", 15),
        Entry("F6", "drain residue", "elements", 30),
        Entry("F7", "close order", "channels", 45),
        Entry("F8", "never closed", "goroutines", 90),
        Entry("F9", "nil channel", "goroutines", 45),
        Entry("F10", "saturation", "elements and senders that wait", 75),
        Entry("F11", "latency objective", "breaches", 75),
        Entry("F12", "dangling channels", "channels", 90),
        Entry("F14", "suspected deadlock", "goroutines", 60),
        Entry("F15", "deep stacks", "goroutines", 45),
        Entry("F16", "stuck on a lock", "goroutines", 75),
    )
}
"""By id. F3 is a comparison (`otelchan diff`), F13 a score (channel.health); neither is a finding."""
