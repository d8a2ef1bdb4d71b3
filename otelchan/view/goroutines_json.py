"""All goroutines as one JSON document, written a line at a time. Its keys are described in docs/goroutines-json.md."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from otelchan.gobinary.types import GoImage
from otelchan.memory.types import Census, Goroutine
from otelchan.model.types import Request
from otelchan.target.types import Process
from otelchan.view.census import go_object, least_ages_ns, process_object
from otelchan.view.goroutines import alive
from otelchan.view.stacks import creator, traceback
from otelchan.view.types import Origin
from otelchan.view.words import frame_object

VERSION = 1
NO_REQUESTS: Mapping[int, Request] = MappingProxyType({})


def goroutine_lines(
    process: Process,
    image: GoImage,
    census: Census,
    names: Mapping[int, tuple[str, str]],
    origin: Origin | None = None,
    requests: Mapping[int, Request] = NO_REQUESTS,
) -> Iterator[str]:
    """The lines of the document. names: (name, source) by live address of the channel. origin: None for a process.
    requests: by goroutine id.

    Raises BinaryError when the executable has gone or changed since it was analysed.
    """
    head = {
        "version": VERSION,
        "source": origin.source if origin else "process",
        "origin": {"file": origin.file, **origin.details} if origin else None,
        "time_unix_ns": census.time_unix_ns,
        "duration_ns": census.duration_ns,
        "process": process_object(process),
        "go": go_object(image),
        "count": census.counts.count,
        "unread": census.unread,
    }
    stacks: dict[tuple[int, ...], int] = {(): 0}
    yield "{\n"
    yield from (f"  {json.dumps(key)}: {json.dumps(value)},\n" for key, value in head.items())
    yield '  "goroutines": [\n'
    ages_ns = least_ages_ns(census)
    yield from _rows(
        {
            **_goroutine(goroutine, image, ages_ns.get(goroutine.id), names, stacks),
            "request": _request(requests.get(goroutine.id)),
        }
        for goroutine in alive(census)
    )
    yield '  ],\n  "stacks": [\n'
    yield from _rows([frame_object(frame) for frame in traceback(image, stack)] for stack in stacks)
    yield "  ]\n}\n"


def _rows(values: Iterator[Any]) -> Iterator[str]:
    comma = ""
    for value in values:
        yield f"{comma}    {json.dumps(value)}"
        comma = ",\n"
    yield "\n" if comma else ""


def _request(request: Request | None) -> dict[str, str] | None:
    return request and {"trace_id": request.trace_id.hex(), "span_id": request.span_id.hex()}


def _goroutine(
    goroutine: Goroutine,
    image: GoImage,
    age_ns: int | None,
    names: Mapping[int, tuple[str, str]],
    stacks: dict[tuple[int, ...], int],
) -> dict[str, Any]:
    return {
        "id": goroutine.id,
        "status": goroutine.status,
        "wait_reason": goroutine.wait_reason,
        "select": goroutine.select,
        "system": goroutine.system,
        "waits": [
            {
                "address": hex(wait.channel),
                "name": names.get(wait.channel, ("nil channel" if wait.channel == 0 else "", ""))[0],
                "operation": wait.operation,
            }
            for wait in goroutine.waits
        ],
        "age_ns": age_ns,
        "age_at_least": age_ns is not None,
        "stack": stacks.setdefault(goroutine.stack, len(stacks)),
        "stack_complete": goroutine.stack_complete,
        "depth": goroutine.depth,
        "created_by": frame_object(creator(image, goroutine.created_at)),
        "parent_id": goroutine.parent_id,
    }
