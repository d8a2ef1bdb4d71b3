"""What traces say: findings in a sentence each, and waits that have not ended."""

from __future__ import annotations

from collections.abc import Sequence

from dashboards.generator.grafana import fields, panels, queries
from dashboards.generator.grafana.board import explore_url
from dashboards.generator.grafana.queries import Json


def _found(
    title: str, description: str, condition: str, attributes: Sequence[str], columns: dict[str, str], empty: str
) -> Json:
    """A table of spans. columns: titles by what Grafana's data source for Tempo calls them, in order."""
    selected = ", ".join(f"span.{name}" for name in attributes)
    return panels.span_table(
        title,
        description,
        [queries.traces(f"{{ {queries.OF_SPANS} && {condition} }} | select({selected})", limit=100)],
        transformations=[
            panels.organize(
                hide=[
                    name
                    for name in ("Trace Service", "Trace Name", "Name", "Duration", "otelchan.span.state")
                    if name not in columns
                ],
                names={name: shown for name, shown in columns.items() if name != shown},
                order=list(columns),
            )
        ],
        empty=empty,
        overrides=[fields.override(columns["service.instance.id"], custom_width=150)],
    )


def findings(title: str, description: str, condition: str) -> Json:
    """Findings that began or ended, newest first. condition: more of the TraceQL."""
    return _found(
        title,
        description,
        condition,
        ("finding.id", "finding.severity", "finding.state", "finding.sentence"),
        {
            "Start time": "Since",
            "finding.severity": "Severity",
            "finding.id": "Finding",
            "finding.state": "State",
            "finding.sentence": "In words",
            "service.name": "Service",
            "service.instance.id": "Instance",
            "Span ID": "Its trace",
        },
        "no such finding began or ended in this time range",
    )


ONGOING = _found(
    "Waits that went on",
    "Goroutines that had not been woken when they were looked at: told of at 10 s, and again when the wait is four "
    "times as long. Idle workers are among them; a send, or a wait for an answer, is not idle. The trace has stacks.",
    'span.otelchan.span.state = "ongoing"',
    ("goroutine.wait_reason", "channel.name", "code.function.name", "code.file.path", "code.line.number"),
    {
        "Duration": "Waited",
        "goroutine.wait_reason": "Waits in",
        "channel.name": "Channel",
        "code.function.name": "Function",
        "code.file.path": "File",
        "code.line.number": "Line",
        "Start time": "Since",
        "service.name": "Service",
        "service.instance.id": "Instance",
        "Span ID": "Its trace",
    },
    "nobody waited for longer than ongoing_span_s",
)
EXPLORE_SITE = explore_url(
    '{ resource.service.instance.id = "${__data.fields.instance:percentencode}"'
    ' && span.code.function.name = "${__data.fields.code_function_name:percentencode}" && span.code.stacktrace != nil }'
)
"""From a row with these labels: what waited in that function of that process, with stacks."""
