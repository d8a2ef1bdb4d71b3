"""F8, never closed: receivers wait on an open channel, and all that ever sent on it have exited.

Two ways of knowing that nobody comes after them:

- **abandoned**: the channel was the affair of one family of goroutines, and nobody of it is left but those that wait
  (End.GONE in model/live.py). The classic case is a `range` over results, in the goroutine that started all workers;
- where others may yet come (End.RETURNING), as in a server that starts producers for every request: one channel after
  the other is left like that, each with its receivers, in every part of the time looked at, and nobody gets on.

A channel that nobody has sent on is none of this: waiting for its close is what `done` channels are for.
"""

from __future__ import annotations

from collections.abc import Sequence

from otelchan.config import Findings
from otelchan.findings import waitwords, words
from otelchan.findings.catalogue import SEVERITIES
from otelchan.findings.growth import LONG, SUSPECT, TURNOVER, Growth, Look, Watch
from otelchan.findings.types import Finding
from otelchan.findings.waits import Groups, Waiting, named_by
from otelchan.model.types import ChannelView, End, Snapshot

ID = "F8"


class NeverClosedFinder:
    """Finds them in successive snapshots of one program. Bounded by what the snapshots hold and by the window."""

    def __init__(self, settings: Findings) -> None:
        self._wait_ns = int(settings.wait_s * words.SECOND)
        self._watch = Watch(settings)
        self._waiting = Groups()

    def reconfigure(self, settings: Findings) -> None:
        """Other thresholds from now on."""
        self._wait_ns = int(settings.wait_s * words.SECOND)
        self._watch.reconfigure(settings)

    def find(self, snapshot: Snapshot, earlier: Sequence[Finding] = ()) -> list[Finding]:
        """What holds now, worst first."""
        if not snapshot.goroutines.count:
            return []  # memory could not be read: not a look
        receivers = self._waiting.of(snapshot, ("recv",))
        channels = {channel.name: channel for channel in snapshot.channels}
        said = named_by(earlier)
        found = []
        for look in self._watch.look(receivers, snapshot.seen_unix_ns):
            finding = None if said(look.key) else self._judge(look, channels.get(look.key.channel))
            look.group.reported = finding is not None
            if finding:
                found.append(finding)
        return sorted(found, key=lambda f: (SEVERITIES.index(f.severity), -f.count, f.channel))

    def _judge(self, look: Look, channel: ChannelView | None) -> Finding | None:
        suspects = look.over(self._watch.ages[SUSPECT])
        gone = suspects.whose(End.GONE)
        growth = self._watch.growth(look)
        if gone and gone.oldest.age_ns >= self._wait_ns:
            return self._finding(look, channel, gone, growth)
        left = suspects.rows((suspects.end == End.GONE) | (suspects.end == End.RETURNING))
        # One channel after the other: not a pool whose feeders come and go.
        many = left.channels > 1 and len(left) >= (1 - TURNOVER) * len(suspects) and not look.way_out
        return self._finding(look, channel, left, growth) if many and (growth or self._still_there(look)) else None

    def _still_there(self, look: Look) -> bool:
        """It was a finding, and nobody got on since."""
        since_ns = look.time_ns - self._watch.windows[SUSPECT]
        return look.group.reported and look.group.left_since(since_ns, SUSPECT) == 0

    def _finding(self, look: Look, channel: ChannelView | None, who: Waiting, growth: Growth | None) -> Finding:
        key, certain = look.key, not len(who.whose(End.RETURNING))
        one = "it" if who.channels == 1 else "them"
        then = f", growing by {words.rate(growth.per_minute)} a minute" if growth else ""
        nobody = " and nobody is left who would close it" if certain else " without closing it"
        return Finding(
            id=ID,
            severity="critical" if certain and who.oldest.age_ns >= self._watch.ages[LONG] else "warning",
            sentence=(
                f"{waitwords.stuck(key, who, channel)}{then}; all that ever sent on {one} have exited{nobody}"
                f"{waitwords.origin(key)}"
            ),
            channel=key.channel,
            wait_reason=key.wait_reason,
            site=key.site,
            created_by=key.created_by,
            count=len(who),
            oldest_ns=who.oldest.age_ns,
            oldest_at_least=who.oldest.at_least,
            growth_per_minute=growth.per_minute if growth else 0.0,
            evidence="abandoned" if certain else "grows",
            facts={
                "channels": who.channels,
                "watched_s": round((look.time_ns - self._watch.first_ns) / words.SECOND, 3),
                "senders": "gone" if certain else "may return",
            },
        )
