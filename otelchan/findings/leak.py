"""F1, leaked goroutines: groups parked on channels that nobody uses any more, that grow and do not let go, or that are
large and stuck.

Age alone is no evidence: a pool of workers is idle for hours by design. What a leak does and a pool does not:

- its other end is **abandoned**: all that ever received from the channels have exited, and nobody is left who could.
  That is proof enough for senders. Receivers whose senders are gone are F8 (findings/never_closed.py);
- it **grows**: goroutines that were seen to come stay for good, in every part of the time looked at, and (nearly) none
  of those that waited as long gets on. Receivers must show it for longer than senders, and a pool of receivers on one
  channel, selects that also wait for a context or a signal, and those whose other end is used by somebody alive, with
  long-lived goroutines, not just with suspects;
- or it is **stuck**: many senders, all long-lived, none of them got on for as long as we looked, and nobody is known
  who receives from them. Receivers are not called stuck: to wait for what may yet be sent is what they are for;
- or it was one of these, does not grow any more, and nobody has got on since.
"""

from __future__ import annotations

from collections.abc import Sequence

from otelchan.config import Findings
from otelchan.findings import waitwords, words
from otelchan.findings.catalogue import SEVERITIES
from otelchan.findings.ends import WORDS
from otelchan.findings.growth import LONG, SUSPECT, TURNOVER, Growth, Look, Watch
from otelchan.findings.types import Finding
from otelchan.findings.waits import NOBODY, GroupKey, Groups, Waiting, named_by
from otelchan.model.types import ChannelView, End, Snapshot

ID = "F1"
_OTHER_SIDE = {"send": ("recv", "received from"), "recv": ("send", "sent on")}


class LeakFinder:
    """Finds leaks of one program in successive snapshots. Bounded by what the snapshots hold and by the window."""

    def __init__(self, settings: Findings) -> None:
        self._settings = settings
        self.watch = Watch(settings)
        self._waiting = Groups()
        self._traffic: dict[tuple[str, str], tuple[int, int]] = {}  # last count of a channel's side, unchanged since

    def reconfigure(self, settings: Findings) -> None:
        """Other thresholds from now on. When more is asked for, what is a finding must show it anew; else it stays."""
        if settings.leak_growth > self._settings.leak_growth or settings.leak_stuck > self._settings.leak_stuck:
            for group in self.watch.groups.values():
                group.reported, group.peak = False, 0
        self._settings = settings
        self.watch.reconfigure(settings)

    def find(self, snapshot: Snapshot, earlier: Sequence[Finding] = ()) -> list[Finding]:
        """The leaks that hold now, worst first."""
        if not snapshot.goroutines.count:
            return []  # memory could not be read: not a look, or everybody would seem to have come since
        self._follow_traffic(snapshot.channels, snapshot.time_unix_ns)
        channels = {channel.name: channel for channel in snapshot.channels}
        said = named_by(earlier)
        found = []
        for look in self.watch.look(self._waiting.of(snapshot), snapshot.seen_unix_ns):
            finding = None if said(look.key) else self._judge(look, channels.get(look.key.channel))
            # What is abandoned is so as long as nobody is left, and not because it was so before.
            look.group.reported = finding is not None and finding.evidence != "abandoned"
            if finding:
                look.group.peak = max(look.group.peak, finding.count)
                found.append(finding)
        return sorted(found, key=lambda f: (SEVERITIES.index(f.severity), -f.count, f.channel))

    def _judge(self, look: Look, channel: ChannelView | None) -> Finding | None:
        suspects = look.over(self.watch.ages[SUSPECT])
        if not suspects:
            return None
        growth = self.watch.growth(look)
        left_alone = suspects.whose(End.GONE) if look.key.operation == "send" else NOBODY
        if len(left_alone) == len(suspects):
            return self._finding(look, channel, suspects, "abandoned", growth)
        if growth is not None:
            return self._finding(look, channel, suspects, "grows", growth)
        if self._stuck(look) or self._still_there(look, suspects):
            return self._finding(look, channel, suspects, "stuck", None)
        return self._finding(look, channel, left_alone, "abandoned", None) if left_alone else None

    def _stuck(self, look: Look) -> bool:
        """Many long-lived senders, and nobody got on for as long as a goroutine must wait to be long-lived. Where it is
        known that somebody receives from their channels, or may do so again, he is slow: that is no leak."""
        watched_ns = look.time_ns - self.watch.first_ns
        late = look.over(self.watch.ages[LONG])
        unserved = len(late) - len(late.whose(End.ALIVE)) - len(late.whose(End.RETURNING))
        return (
            look.key.operation == "send"
            and not look.way_out
            and watched_ns >= self.watch.ages[LONG]
            and unserved >= self._settings.leak_stuck
            and look.group.left_since(look.time_ns - self.watch.windows[SUSPECT], SUSPECT) == 0
        )

    def _still_there(self, look: Look, suspects: Waiting) -> bool:
        """It was a finding, most of it is left, and nobody got on since."""
        left = look.group.left_since(look.time_ns - self.watch.windows[SUSPECT], SUSPECT)
        return look.group.reported and 2 * len(suspects) >= look.group.peak and left <= TURNOVER * len(suspects)

    def _follow_traffic(self, channels: Sequence[ChannelView], now: int) -> None:
        before, self._traffic = self._traffic, {}
        for channel in channels:
            for operation in ("send", "recv"):
                counter = channel.processed.get((operation, "ok"))
                if counter is not None:
                    key = (channel.name, operation)
                    known = before.get(key)
                    same = known is not None and known[0] == counter.value
                    self._traffic[key] = known if known is not None and same else (counter.value, now)

    def _silence(self, key: GroupKey) -> tuple[str, int] | None:
        """What the other side would have to do, and since when nobody has done it on any channel of that name."""
        if key.operation not in _OTHER_SIDE or not key.channel:
            return None
        operation, words_for_it = _OTHER_SIDE[key.operation]
        known = self._traffic.get((key.channel, operation))
        silent_ns = self.watch.last_ns - known[1] if known else 0
        return (words_for_it, silent_ns) if silent_ns >= self.watch.ages[SUSPECT] else None

    def _finding(
        self,
        look: Look,
        channel: ChannelView | None,
        suspects: Waiting,
        evidence: str,
        growth: Growth | None,
    ) -> Finding:
        oldest = suspects.oldest
        certain = look.key.operation == "send" and not look.way_out
        at_once = evidence == "abandoned" or oldest.age_ns >= self.watch.ages[LONG]
        silence = self._silence(look.key)
        return Finding(
            id=ID,
            severity="critical" if certain and at_once else "warning",
            sentence=_sentence(look, channel, suspects, evidence, growth, silence),
            channel=look.key.channel,
            wait_reason=look.key.wait_reason,
            site=look.key.site,
            created_by=look.key.created_by,
            count=len(suspects),
            oldest_ns=oldest.age_ns,
            oldest_at_least=oldest.at_least,
            growth_per_minute=growth.per_minute if growth else 0.0,
            evidence=evidence,
            facts={
                "channels": suspects.channels,
                "watched_s": round((look.time_ns - self.watch.first_ns) / words.SECOND, 3),
                "long_lived": len(look.over(self.watch.ages[LONG])),
                "silent_s": round(silence[1] / words.SECOND, 3) if silence else None,
                **_ends(suspects),
            },
        )


def _ends(suspects: Waiting) -> dict[str, object]:
    """How many have which other end, where anything is known of it."""
    numbers = {end: len(suspects.whose(end)) for end in WORDS}
    known = numbers[End.UNKNOWN] < len(suspects)
    return {"other_ends": {WORDS[end]: number for end, number in numbers.items() if number}} if known else {}


def _sentence(
    look: Look,
    channel: ChannelView | None,
    suspects: Waiting,
    evidence: str,
    growth: Growth | None,
    silence: tuple[str, int] | None,
) -> str:
    still = "and none of them gets on" if len(suspects) > 1 else "and does not get on"
    then = f"growing by {words.rate(growth.per_minute)} a minute" if growth else still
    more = f"; nobody has {silence[0]} it for {words.duration(silence[1])}" if silence else ""
    if evidence == "abandoned":
        them = "it" if suspects.channels == 1 else "them"
        more = f"; all that received from {them} have exited, and nobody is left who would"
    return f"{waitwords.stuck(look.key, suspects, channel)}, {then}{more}{waitwords.origin(look.key)}"
