"""Parts of descriptions, as templates: where it is, and numbers that another series knows."""

from __future__ import annotations

WHERE = (
    "In {{ $labels.job }}, instance {{ $labels.instance }}"
    "{{ range query (printf `topk(1, target_info{instance=%q})` $labels.instance) }}"
    "{{ with .Labels.process_pid }}, pid {{ . }}{{ end }}{{ with .Labels.host_name }} on {{ . }}{{ end }}"
    "{{ end }}."
)
"""Which process; pid and host from target_info, which has them whatever Prometheus promotes to labels."""
ON_CHANNEL = "{{ if $labels.channel_name }} ({{ $labels.channel_name }}){{ end }}"
"""Which one, behind any words: a channel is full (main.main shop.go:12)."""
AGENT_WHERE = "Agent {{ $labels.instance }}{{ with $labels.host_name }} on {{ . }}{{ end }}."
COLLECTOR_WHERE = "Collector {{ $labels.instance }}."


def number_of(metric: str, words: str, operation: str = "") -> str:
    """A sentence with the sum of a metric of the same process and channel; nothing when there is no such series.

    words: with %s for the number. operation: only of this channel.operation.
    """
    more = f", channel_operation=`{operation}`" if operation else ""
    promql = f"sum({metric}{{instance=%q, channel_name=%q{more.replace('`', chr(34))}}})"
    before, _, after = words.partition("%s")
    return (
        f"{{{{ range query (printf `{promql}` $labels.instance $labels.channel_name) }}}}"
        f" {before}{{{{ .Value | humanize }}}}{after}{{{{ end }}}}"
    )
