"""F13, health: a score of 0 to 100 for each channel of the program's own, from what was found about it.

    score = max(0, 100 - sum of the parts)
    part  = round(weight * (1 + min(2, log10(count)) / 2))

There is one part for each kind of finding. weight: of the worst of its findings, by severity. count: of all of them
together, what Finding.count counts. So one goroutine costs the weight, a hundred and more cost twice as much.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from otelchan.findings.types import Finding, Health
from otelchan.model.types import Snapshot

COUNTED = ("F1", "F4", "F5", "F6", "F8", "F9", "F10", "F11", "F14")
"""F8, F9 and F14 say of what F1 would say more generally: without them a channel that deserves a worse word would score
better."""
WEIGHTS = {"critical": 35, "warning": 15, "info": 5}
FULL = 100
MOST_DECADES = 2


def health(snapshot: Snapshot, findings: Sequence[Finding]) -> Mapping[str, Health]:
    """By name, of all channels of the program's own. Pure."""
    about: defaultdict[str, defaultdict[str, list[Finding]]] = defaultdict(lambda: defaultdict(list))
    for finding in findings:
        if finding.id in COUNTED:
            for channel in {finding.channel, *(member.channel for member in finding.members)}:
                about[channel][finding.id].append(finding)
    return {view.name: _health(about.get(view.name, {})) for view in snapshot.channels if view.kind == "user"}


def part(findings: Sequence[Finding]) -> int:
    """What findings of one kind about one channel take off."""
    weight = max(WEIGHTS[finding.severity] for finding in findings)
    number = max(sum(finding.count for finding in findings), 1)
    return round(weight * (1 + min(MOST_DECADES, math.log10(number)) / MOST_DECADES))


def _health(by_id: Mapping[str, Sequence[Finding]]) -> Health:
    parts = {id_: part(by_id[id_]) for id_ in COUNTED if id_ in by_id}
    return Health(max(0, FULL - sum(parts.values())), parts)
