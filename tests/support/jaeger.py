"""A running Jaeger and the spans it answers with (its query API, version 1.62: /api/traces, /api/services)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import requests

Tags = dict[str, Any]


class Reference(NamedTuple):
    """A pointer to another span; `kind` is CHILD_OF for the parent, FOLLOWS_FROM for a link."""

    kind: str
    trace_id: str
    span_id: str


class Event(NamedTuple):
    """Something that happened within a span; `time_us` is microseconds since 1970; the name is in fields["event"]."""

    time_us: int
    fields: Tags


class Span(NamedTuple):
    """One span as stored; times in microseconds, which is all that Jaeger keeps."""

    trace_id: str
    span_id: str
    name: str
    start_us: int
    duration_us: int
    tags: Tags
    references: tuple[Reference, ...]
    events: tuple[Event, ...]
    service: str
    resource: Tags

    @property
    def links(self) -> tuple[Reference, ...]:
        return tuple(r for r in self.references if r.kind == "FOLLOWS_FROM")

    @property
    def parents(self) -> tuple[Reference, ...]:
        return tuple(r for r in self.references if r.kind == "CHILD_OF")


@dataclass(frozen=True)
class Jaeger:
    """Where it listens: the query API and OTLP over `http` (base URL) and `grpc` (host:port)."""

    url: str
    http: str
    grpc: str
    pid: int

    def services(self) -> set[str]:
        """Every `service.name` with a span."""
        return set(self._get("/api/services", {}) or [])

    def traces(
        self,
        service: str,
        operation: str | None = None,
        tags: Mapping[str, str] | None = None,
        min_duration: str | None = None,
        limit: int = 2000,
    ) -> list[Span]:
        """All spans of the service's traces of the last hour, oldest first.

        A trace is answered whole when one of its spans has the name `operation`, all `tags`, and lasted `min_duration`
        ("100ms"); a new store answers an unknown service with no spans.
        """
        query = {"service": service, "lookback": "1h", "limit": str(limit)}
        if operation:
            query["operation"] = operation
        if tags:
            query["tags"] = json.dumps(dict(tags))
        if min_duration:
            query["minDuration"] = min_duration
        spans = [
            _span(span, trace["processes"]) for trace in self._get("/api/traces", query) for span in trace["spans"]
        ]
        return sorted(spans, key=lambda span: span.start_us)

    def trace(self, trace_id: str) -> list[Span]:
        """All spans of one trace, oldest first; none when it is not there."""
        answer = requests.get(f"{self.url}/api/traces/{trace_id}", timeout=30)
        if answer.status_code == 404:
            return []
        assert answer.status_code == 200, f"{trace_id}: {answer.status_code} {answer.text[:300]}"
        spans = [_span(span, trace["processes"]) for trace in answer.json()["data"] for span in trace["spans"]]
        return sorted(spans, key=lambda span: span.start_us)

    def _get(self, path: str, query: Mapping[str, str]) -> Any:
        answer = requests.get(self.url + path, params=dict(query), timeout=30)
        assert answer.status_code == 200, f"{path} {dict(query)}: {answer.status_code} {answer.text[:300]}"
        return answer.json()["data"]


def _span(span: dict[str, Any], processes: dict[str, Any]) -> Span:
    process = processes[span["processID"]]
    return Span(
        trace_id=span["traceID"],
        span_id=span["spanID"],
        name=span["operationName"],
        start_us=span["startTime"],
        duration_us=span["duration"],
        tags=_tags(span["tags"]),
        references=tuple(Reference(r["refType"], r["traceID"], r["spanID"]) for r in span.get("references") or []),
        events=tuple(Event(log["timestamp"], _tags(log["fields"])) for log in span.get("logs") or []),
        service=process["serviceName"],
        resource=_tags(process["tags"]),
    )


def _tags(pairs: list[dict[str, Any]]) -> Tags:
    return {pair["key"]: pair["value"] for pair in pairs}
