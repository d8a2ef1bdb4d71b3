"""F9, nil channel: goroutines that no other can ever wake, because they wait on no channel at all.

A send or a receive on a nil channel, a select of nil channels only, and `select {}` (src/runtime/chan.go, select.go,
Go 1.19 to 1.27): the runtime parks them and forgets them. A program whose main goroutine has nothing more to do ends
it with `select {}`: that one is left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from otelchan.config import Findings
from otelchan.findings import waitwords, words
from otelchan.findings.catalogue import SEVERITIES
from otelchan.findings.growth import Look, Watch
from otelchan.findings.types import Finding
from otelchan.findings.waits import GroupKey, Waiting, nil_groups
from otelchan.model.types import Snapshot

ID = "F9"
NO_CASES = "select (no cases)"
_MAIN = np.uint64(1)


class NilChannelFinder:
    """Finds them in successive snapshots of one program. Bounded by what the snapshots hold and by the window."""

    def __init__(self, settings: Findings) -> None:
        self._wait_ns = int(settings.wait_s * words.SECOND)
        self._watch = Watch(settings)

    def reconfigure(self, settings: Findings) -> None:
        """Other thresholds from now on."""
        self._wait_ns = int(settings.wait_s * words.SECOND)
        self._watch.reconfigure(settings)

    def find(self, snapshot: Snapshot, earlier: Sequence[Finding] = ()) -> list[Finding]:
        """Groups of which somebody has waited for long enough, worst first."""
        if not snapshot.goroutines.count:
            return []  # memory could not be read: not a look
        looks = self._watch.look(_own(nil_groups(snapshot)), snapshot.seen_unix_ns)
        found = [self._finding(look) for look in looks if look.over(self._wait_ns)]
        return sorted(found, key=lambda f: (SEVERITIES.index(f.severity), -f.count, f.sentence))

    def _finding(self, look: Look) -> Finding:
        key, who = look.key, look.waiting
        growth = self._watch.growth(look)
        then = f", growing by {words.rate(growth.per_minute)} a minute" if growth else ""
        them = "it" if len(who) == 1 else "them"
        return Finding(
            id=ID,
            severity="warning" if key.wait_reason == NO_CASES else "critical",
            sentence=waitwords.stuck(key, who, None)
            + f"{then}, and nothing can ever wake {them}{waitwords.origin(key)}",
            channel=key.channel,
            wait_reason=key.wait_reason,
            site=key.site,
            created_by=key.created_by,
            count=len(who),
            oldest_ns=who.oldest.age_ns,
            oldest_at_least=who.oldest.at_least,
            growth_per_minute=growth.per_minute if growth else 0.0,
            evidence="nil",
            facts={"watched_s": round((look.time_ns - self._watch.first_ns) / words.SECOND, 3)},
        )


def _own(groups: dict[GroupKey, Waiting]) -> dict[GroupKey, Waiting]:
    """Without the main goroutine where it has come to its end."""
    rows = {
        key: who.rows(who.goroutine_id != _MAIN) if key.wait_reason == NO_CASES else who for key, who in groups.items()
    }
    return {key: who for key, who in rows.items() if who}
