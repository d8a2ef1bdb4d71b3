"""The census as one document, the same for people and for `--json`. Its keys are described in docs/census-json.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from otelchan.gobinary.types import GoImage
from otelchan.memory.types import Census, Channel, Goroutine, Goroutines, begun_by, cycles_in
from otelchan.target.types import Process
from otelchan.view.stacks import creator, traceback
from otelchan.view.types import Origin
from otelchan.view.words import frame_object

VERSION = 1
PARKED = ("waiting", "leaked")


def census_document(
    process: Process,
    image: GoImage,
    census: Census,
    names: Mapping[int, tuple[str, str]],
    origin: Origin | None = None,
) -> dict[str, Any]:
    """Everything the census knows, as JSON values. names: (name, source) by live address of the channel. origin: None
    for a running process.

    Pure. Raises BinaryError when the executable has gone or changed since it was analysed.
    """
    parked = [goroutine for goroutine in census.goroutines if goroutine.status in PARKED]
    ages_ns = least_ages_ns(census)
    parked.sort(key=lambda goroutine: -ages_ns.get(goroutine.id, -1))
    return {
        "version": VERSION,
        "source": origin.source if origin else "process",
        "origin": {"file": origin.file, **origin.details} if origin else None,
        "time_unix_ns": census.time_unix_ns,
        "duration_ns": census.duration_ns,
        "bytes_read": census.bytes_read,
        "process": process_object(process),
        "go": go_object(image),
        "goroutines": {
            "count": census.counts.count,
            "created": census.counts.created,
            "unread": census.unread,
            "by_wait_reason": by_wait_reason(census),
        },
        "channels": [_channel(channel, names) for channel in census.channels],
        "parked": [_goroutine(goroutine, image, ages_ns.get(goroutine.id), names) for goroutine in parked],
    }


def by_wait_reason(census: Census) -> dict[str, int]:
    """Goroutines by wait reason, most frequent first; one that is not parked counts under its status ("running").

    The runtime's own goroutines are left out, as in runtime.NumGoroutine.
    """
    counted = Counter(
        goroutine.wait_reason or goroutine.status
        for goroutine in census.goroutines
        if not goroutine.system and goroutine.status not in ("idle", "dead")
    )
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


def process_object(process: Process) -> dict[str, Any]:
    """The JSON form of a process, the same everywhere."""
    return {
        "pid": process.pid,
        "created_unix_ns": process.created_unix_ns or None,
        "executable": process.executable,
        "service_name": process.service_name,
        "container_id": process.container_id,
    }


def go_object(image: GoImage) -> dict[str, Any]:
    """The JSON form of an executable."""
    return {
        "version": image.build.go_version,
        "main_package": image.build.main_package,
        "main_module": image.build.main_module,
        "build_id": image.build_id,
        "stripped": image.stripped,
        "layout_source": image.layout.source,
    }


def _name(address: int, names: Mapping[int, tuple[str, str]]) -> tuple[str, str]:
    return names.get(address, ("nil channel" if address == 0 else "", ""))


def _channel(channel: Channel, names: Mapping[int, tuple[str, str]]) -> dict[str, Any]:
    name, source = _name(channel.address, names)
    return {
        "address": hex(channel.address),
        "name": name,
        "name_source": source,
        "element_type": channel.element_type,
        "element_size": channel.element_size,
        "length": channel.length,
        "capacity": channel.capacity,
        "waiting_senders": channel.waiting_senders,
        "waiting_receivers": channel.waiting_receivers,
        "closed": channel.closed,
        "timer": channel.timer,
        "allocated": channel.allocated,
    }


def _goroutine(
    goroutine: Goroutine, image: GoImage, age_ns: int | None, names: Mapping[int, tuple[str, str]]
) -> dict[str, Any]:
    return {
        "id": goroutine.id,
        "kind": goroutine.wait_reason,
        "select": goroutine.select,
        "system": goroutine.system,
        "waits": [
            {"address": hex(wait.channel), "name": _name(wait.channel, names)[0], "operation": wait.operation}
            for wait in goroutine.waits
        ],
        "age_ns": age_ns,
        "age_at_least": age_ns is not None,
        "frames": [frame_object(frame) for frame in traceback(image, goroutine.stack)],
        "stack_complete": goroutine.stack_complete,
        "depth": goroutine.depth,
        "created_by": frame_object(creator(image, goroutine.created_at)),
        "parent_id": goroutine.parent_id,
    }


def least_ages_ns(census: Census) -> dict[int, int]:
    """By goroutine id at least how old its wait is, where collections of garbage prove it (memory/stamps.py)."""
    goroutines = Goroutines.of(census.goroutines)
    begun = begun_by(goroutines.since, cycles_in(goroutines.since), census.monotonic_ns)
    proved = begun < census.monotonic_ns
    ages = census.monotonic_ns - begun[proved]
    return dict(zip(goroutines.id[proved].tolist(), ages.tolist(), strict=True))
