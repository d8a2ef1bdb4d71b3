"""Snapshots and what is in them, for tests that say only what matters to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from otelchan.findings.types import Finding
from otelchan.gobinary.types import Frame
from otelchan.model.types import (
    Age,
    Blocked,
    BlockSpan,
    ChannelView,
    Counter,
    GoroutineView,
    Histogram,
    Losses,
    Snapshot,
    SpanContext,
    SpanLink,
    Waker,
)
from otelchan.target.types import Process
from otelchan.telemetry.resource import Host

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND  # 2023-11-14T22:13:20Z
ATTACHED = START + 100 * SECOND
NOW = START + 200 * SECOND
HOST = Host("node-1", "0b5ef2d4-7e2f-4d3f-93a1-6f3e6f1d2c11")
WORKER = Frame("main.worker", "/src/shop/main.go", 57)
CALLER = Frame("main.main.func1", "/src/shop/main.go", 31)


def process(pid: int = 4242, **changes: Any) -> Process:
    """A process called shop."""
    values: dict[str, Any] = {
        "pid": pid,
        "start_ticks": 31_415,
        "created_unix_ns": START,
        "executable": "/srv/shop",
        "executable_key": (8, 1234),
        "open_path": f"/proc/{pid}/exe",
        "command": ("/srv/shop", "--secret=1"),
    }
    return Process(**{**values, **changes})


def channel(name: str = "main.work main.go:41", **changes: Any) -> ChannelView:
    """Three channels of one name, one of them closed, with everything on."""
    values: dict[str, Any] = {
        "name": name,
        "source": "make",
        "kind": "user",
        "element_type": "int",
        "channels": 3,
        "closed": 1,
        "length": 5,
        "capacity": 24,
        "lag": 7,
        "waiters": {"send": 2, "recv": 0},
        "oldest": {"send": Age(1_500_000_000, at_least=False)},
        "processed": {
            ("send", "ok"): Counter(1009, ATTACHED),
            ("recv", "ok"): Counter(1002, ATTACHED),
            ("recv", "closed"): Counter(13, ATTACHED + SECOND),
        },
        "blocks": {"send": Histogram(4, 3_000_000_000, ((1024, 1), (1280, 2), (1 << 30, 1)))},
        "blocks_start_unix_ns": ATTACHED + 2 * SECOND,
        "closes": Counter(1, ATTACHED),
    }
    return ChannelView(**{**values, **changes})


def bare_channel(name: str, **changes: Any) -> ChannelView:
    """A channel that nothing has been counted of."""
    return channel(name, **{"processed": {}, "blocks": {}, "blocks_start_unix_ns": 0, "closes": None, **changes})


def snapshot(channels: Sequence[ChannelView] = (), **changes: Any) -> Snapshot:
    """A program with 12 goroutines."""
    values: dict[str, Any] = {
        "process": process(),
        "go_version": "go1.27.3",
        "main_module": "example.com/shop",
        "time_unix_ns": NOW,
        "attached_unix_ns": ATTACHED,
        "channels": tuple(channels),
        "goroutines": GoroutineView(12),
        "losses": Losses({}),
    }
    return Snapshot(**{**values, **changes})


def block_span(**changes: Any) -> BlockSpan:
    """A send that waited 250 ms, woken by goroutine 7."""
    values: dict[str, Any] = {
        "context": SpanContext(bytes(range(16)), bytes(range(8))),
        "operation": "send",
        "select": False,
        "channel": "main.work main.go:41",
        "channel_source": "make",
        "channel_address": 0xC000012345,
        "element_type": "int",
        "start_unix_ns": NOW - 250_000_000,
        "end_unix_ns": NOW,
        "goroutine_id": 42,
        "wait_reason": "chan send",
        "frames": (WORKER, CALLER),
        "stack_complete": True,
        "waker": Waker(7, "value", (Frame("main.consume", "/src/shop/main.go", 71),)),
        "links": (SpanLink(SpanContext(b"\x01" * 16, b"\x02" * 8), "waker"),),
    }
    return BlockSpan(**{**values, **changes})


def finding(**changes: Any) -> Finding:
    """37 goroutines leaked."""
    values: dict[str, Any] = {
        "id": "F1",
        "severity": "critical",
        "sentence": "37 goroutines are stuck",
        "channel": "main.work main.go:41",
        "wait_reason": "chan send",
        "site": WORKER,
        "created_by": CALLER,
        "count": 37,
        "oldest_ns": 41 * SECOND,
        "oldest_at_least": False,
        "growth_per_minute": 120.0,
        "evidence": "grows",
    }
    return Finding(**{**values, **changes})


def blocked(goroutine_id: int, age_s: float, **changes: Any) -> Blocked:
    """A goroutine parked on a channel of its own, sending."""
    values: dict[str, Any] = {
        "goroutine_id": goroutine_id,
        "channel": "main.work main.go:41",
        "channel_address": 0xC000000000 + 96 * goroutine_id,
        "kind": "user",
        "operation": "send",
        "wait_reason": "chan send",
        "age": Age(int(age_s * SECOND), at_least=False),
        "frames": (WORKER, CALLER),
        "created_by": CALLER,
    }
    return Blocked(**{**values, **changes})


def attributes(message: Any) -> dict[str, Any]:
    """The attributes of an OTLP message, as plain values."""
    return {item.key: getattr(item.value, item.value.WhichOneof("value")) for item in message.attributes}


def by_name(resource_metrics: Any) -> Mapping[str, Any]:
    """The Metric messages of a ResourceMetrics, by name."""
    return {metric.name: metric for scope in resource_metrics.scope_metrics for metric in scope.metrics}


def data_points(metric: Any) -> list[Any]:
    """The points of a Metric message, whatever its kind."""
    return list(getattr(metric, metric.WhichOneof("data")).data_points)


def look_frames(function: str, line: int) -> tuple[Frame, ...]:
    """A stack of one function in main.go."""
    return (Frame(function, "/src/shop/main.go", line),)
