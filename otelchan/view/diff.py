"""Two snapshots compared, as one document. Its keys are described in docs/snapshots.md."""

from __future__ import annotations

from collections import Counter
from typing import Any

from otelchan.view.snapshot import Channels, Group, Place, Snapshot
from otelchan.view.words import frame_object

VERSION = 1
_MINUTE_NS = 60_000_000_000


def diff_document(before: Snapshot, after: Snapshot, least: int) -> dict[str, Any]:
    """What is different, as JSON values; groups that grew most first. least: goroutines by which a group must have
    grown to count as new or grown, and must have shrunk to count as shrunk or gone. Pure."""
    elapsed_ns = after.head["time_unix_ns"] - before.head["time_unix_ns"]
    one_run = _one_run(before, after)
    groups = [_group(place, before, after, least, elapsed_ns, one_run) for place in {**before.groups, **after.groups}]
    channels = [_channels(name, before, after) for name in {**before.channels, **after.channels}]
    return {
        "version": VERSION,
        "before": dict(before.head),
        "after": dict(after.head),
        "elapsed_ns": elapsed_ns,
        "least": least,
        "same_process": one_run,
        "same_executable": _build(before) == _build(after),
        "groups": sorted(groups, key=lambda group: (-(group["after"] - group["before"]), -group["after"])),
        "channels": sorted(channels, key=lambda named: (-_more(named, "lag"), -_more(named, "number"), named["name"])),
    }


def grew(document: dict[str, Any]) -> bool:
    """Whether any group is new or has grown."""
    return any(group["change"] in ("new", "grown") for group in document["groups"])


def _one_run(before: Snapshot, after: Snapshot) -> bool:
    """Whether both are of the same run of the same program. A core does not say when its process began, so it is one
    when process id and build are the same."""
    if _build(before) != _build(after):
        return False
    one, other = before.head["process"], after.head["process"]
    if "core" in (before.head["source"], after.head["source"]):
        return bool(one["pid"] == other["pid"])
    return (one["pid"], one["start_ticks"]) == (other["pid"], other["start_ticks"]) and _near(one, other)


def _near(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Started at the same time, also over a reboot, after which ids and ticks come again; the clock may be set."""
    apart_ns = abs((one["created_unix_ns"] or 0) - (other["created_unix_ns"] or 0))
    return bool(apart_ns < 10 * _MINUTE_NS)


def _build(snapshot: Snapshot) -> tuple[str, str]:
    return snapshot.head["go"]["build_id"], snapshot.head["go"]["version"]


def _group(
    place: Place, before: Snapshot, after: Snapshot, least: int, elapsed_ns: int, one_run: bool
) -> dict[str, Any]:
    old, new = before.groups.get(place, Group(place)), after.groups.get(place, Group(place))
    older = {member.id: member for member in old.members}
    kept = [m for m in new.members if m.id in older and older[m.id].same_wait(m)] if one_run else []
    ours, stacks = (new.members, after.stacks) if new.members else (old.members, before.stacks)
    ((stack, _),) = Counter(member.stack for member in ours).most_common(1)
    count = len(new.members) - len(old.members)
    return {
        "change": _change(len(old.members), len(new.members), least),
        "wait_reason": place.wait_reason,
        "site": frame_object(place.site),
        "created_by": frame_object(place.created_by),
        "channels": sorted(old.channels | new.channels),
        "before": len(old.members),
        "after": len(new.members),
        "growth_per_minute": count * _MINUTE_NS / elapsed_ns if elapsed_ns > 0 else None,
        "same_wait": len(kept),
        "same_wait_ids": sorted(member.id for member in kept)[:10],
        "new_ids": sorted(member.id for member in new.members if member.id not in older)[-10:],
        "frames": [frame_object(frame) for frame in stacks[stack]],
    }


def _change(before: int, after: int, least: int) -> str:
    if after - before >= least:
        return "grown" if before else "new"
    if before - after >= least:
        return "shrunk" if after else "gone"
    return "same"


def _channels(name: str, before: Snapshot, after: Snapshot) -> dict[str, Any]:
    old, new = before.channels.get(name), after.channels.get(name)
    one = new or old
    assert one is not None
    return {
        "name": name,
        "name_source": one.source,
        "element_type": one.element_type,
        "before": _counts(old),
        "after": _counts(new),
    }


def _counts(channels: Channels | None) -> dict[str, int]:
    keys = ("number", "lag", "length", "capacity", "senders", "receivers", "closed")
    if channels is None:
        return dict.fromkeys(keys, 0)
    return {key: getattr(channels, key) for key in keys}


def _more(named: dict[str, Any], key: str) -> int:
    return int(named["after"][key] - named["before"][key])
