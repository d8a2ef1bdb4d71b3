"""How a finding tells of goroutines that wait on channels: what, where, how many, for how long."""

from __future__ import annotations

from otelchan.findings import words
from otelchan.findings.waits import GroupKey, Waiting
from otelchan.model.types import Age, ChannelView


def stuck(key: GroupKey, who: Waiting, channel: ChannelView | None) -> str:
    """ "37 goroutines are stuck sending on channel X: blocked at main.worker main.go:57 for up to 41 s"."""
    own = who.channels == len(who) > 1 and bool(key.channel)
    name = words.channel(key.channel, channel.source if channel else "", channel.element_type if channel else "")
    doing = f"{_doing(key, own)} {name}" if key.operation else _doing_nothing(key)
    return f"{words.goroutines(len(who))} stuck {doing}: blocked at {words.place(key.site)} {_how_long(who.oldest)}"


def origin(key: GroupKey) -> str:
    """ "; started at main.main main.go:31", or nothing."""
    return f"; started at {words.place(key.created_by)}" if key.created_by else ""


def _how_long(oldest: Age) -> str:
    return f"for {'at least' if oldest.at_least else 'up to'} {words.duration(oldest.age_ns)}"


def _doing(key: GroupKey, own: bool) -> str:
    if key.wait_reason.startswith("select"):
        return "in a select, each with its own" if own else "in a select with"
    if key.operation == "send":
        return "sending, each on its own" if own else "sending on"
    return "receiving, each from its own" if own else "receiving from"


def _doing_nothing(key: GroupKey) -> str:
    if key.wait_reason.startswith("select"):
        return "in select {}" if "no cases" in key.wait_reason else "in a select of nil channels only"
    return "sending on a nil channel" if "send" in key.wait_reason else "receiving from a nil channel"
