"""Findings as one document, the same for people and for `--json`. Its keys are described in docs/findings-json.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from otelchan.findings.types import FINDINGS, Finding, Member
from otelchan.gobinary.types import Frame
from otelchan.model.types import Blocked, ChannelView, Snapshot
from otelchan.target.types import Process
from otelchan.view.words import frame_object

VERSION = 1
Watched = tuple[Process, Sequence[Finding], Snapshot]


def findings_document(watched: Iterable[Watched]) -> dict[str, Any]:
    """What was found in each program, as JSON values. Pure."""
    return {
        "version": VERSION,
        "processes": [_process(process, findings, snapshot) for process, findings, snapshot in watched],
    }


def found_anything(document: Mapping[str, Any]) -> bool:
    """Whether any program has a finding."""
    return any(process["findings"] for process in document["processes"])


def _process(process: Process, findings: Sequence[Finding], snapshot: Snapshot) -> dict[str, Any]:
    return {
        "pid": process.pid,
        "executable": process.executable,
        "go_version": snapshot.go_version,
        "main_module": snapshot.main_module,
        "watched_ns": max(snapshot.time_unix_ns - snapshot.attached_unix_ns, 0),
        "ended": snapshot.ended,
        "goroutines": snapshot.goroutines.count,
        "channels": sum(channel.channels for channel in snapshot.channels),
        "planes": dict(snapshot.planes),
        "losses": {reason: number for reason, number in snapshot.losses.by_reason.items() if number},
        "findings": [_finding(finding, snapshot) for finding in findings],
    }


def _finding(finding: Finding, snapshot: Snapshot) -> dict[str, Any]:
    channel = next((view for view in snapshot.channels if view.name == finding.channel), None)
    return {
        "id": finding.id,
        "title": FINDINGS[finding.id].title,
        "severity": finding.severity,
        "sentence": finding.sentence,
        "channel": finding.channel,
        "channel_name_source": channel.source if channel else "",
        "element_type": channel.element_type if channel else "",
        "made_at": _made_at(channel),
        "wait_reason": finding.wait_reason,
        "site": frame_object(finding.site),
        "created_by": frame_object(finding.created_by),
        "count": finding.count,
        "oldest_ns": finding.oldest_ns,
        "oldest_at_least": finding.oldest_at_least,
        "growth_per_minute": round(finding.growth_per_minute, 3),
        "evidence": finding.evidence,
        "facts": _json_value(finding.facts),
        "goroutines": [_member(member) for member in finding.members]
        or [_goroutine(blocked) for blocked in _members(finding, snapshot)],
    }


def _made_at(channel: ChannelView | None) -> str:
    # A channel whose make is known is named by it: "pkg.Func file.go:line".
    return channel.name.rpartition(" ")[2] if channel and channel.source in ("make", "code") else ""


def _members(finding: Finding, snapshot: Snapshot) -> list[Blocked]:
    members = [
        blocked
        for blocked in snapshot.blocked
        if blocked.channel == finding.channel
        and blocked.wait_reason == finding.wait_reason
        and (finding.site is None or finding.site in blocked.frames)
        and finding.created_by in (None, blocked.created_by)
    ]
    # A wait that began before we came is older than each whose begin we saw, whatever its lower bound.
    # Those that are not suspects yet are the youngest.
    return sorted(members, key=lambda blocked: (not blocked.age.at_least, -blocked.age.age_ns))[: finding.count]


def _goroutine(blocked: Blocked) -> dict[str, Any]:
    return {
        "id": blocked.goroutine_id,
        "kind": blocked.wait_reason,
        "operation": blocked.operation,
        "channel": blocked.channel,
        "channel_address": hex(blocked.channel_address),
        "age_ns": blocked.age.age_ns,
        "age_at_least": blocked.age.at_least,
        "frames": [frame_object(frame) for frame in blocked.frames],
        "created_by": frame_object(blocked.created_by),
        "note": "",
    }


def _member(member: Member) -> dict[str, Any]:
    """The same keys; what a finding does not say of its members is empty."""
    return {
        "id": member.goroutine_id,
        "kind": member.wait_reason,
        "operation": member.operation,
        "channel": member.channel,
        "channel_address": "",
        "age_ns": member.age.age_ns,
        "age_at_least": member.age.at_least,
        "frames": [frame_object(frame) for frame in member.frames],
        "created_by": None,
        "note": member.note,
    }


def _json_value(value: object) -> object:
    if isinstance(value, Frame):
        return frame_object(value)
    if isinstance(value, Mapping):
        return {str(key): _json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_json_value(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
