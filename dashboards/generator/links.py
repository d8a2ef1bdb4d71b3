"""Links in annotations, as Go templates that Prometheus fills in when an alert fires.

Values of labels are quoted by Go's %q, which TraceQL and JSON read, and escaped by Go's own `urlquery`.
"""

from __future__ import annotations

from collections.abc import Mapping

from dashboards.generator.parameters import Parameters

OVERVIEW = "otelchan-overview"
CHANNELS = "otelchan-channels"
GOROUTINES = "otelchan-goroutines"
TOPOLOGY = "otelchan-topology"
CLOSE = "otelchan-close"
OBJECTIVES = "otelchan-objectives"
AGENT = "otelchan-agent"
PIPELINE = "otelchan-pipeline"
DASHBOARDS = (OVERVIEW, CHANNELS, GOROUTINES, TOPOLOGY, CLOSE, OBJECTIVES, AGENT, PIPELINE)
"""uids of the dashboards."""
OF_ONE_CHANNEL = (CHANNELS, CLOSE, OBJECTIVES)
"""Those to which an alert on a channel leads with that channel alone. The one of goroutines cannot choose any; in the
topology the others are the point: a chain of waits goes over several.
"""
RANGE = "from=now-1h&to=now"  # an alert is younger than that when somebody looks, or still holds

OF_CHANNEL = (
    "{{ $q := printf `resource.service.instance.id = %q` $labels.instance }}"
    "{{ if $labels.channel_name }}"
    "{{ $q = printf `%s && span.channel.name = %q` $q $labels.channel_name }}"
    "{{ end }}"
)
"""The beginning of a TraceQL template: conditions on the process, and on the channel when the alert has one, in $q."""
# Grafana's Explore: one pane, by an id of no meaning.
_PANE = (
    '{"otelchan":{"datasource":"%(tempo)s","queries":[{"refId":"A","datasource":{"type":"tempo","uid":"%(tempo)s"},'
    '"queryType":"traceql","query":%%q,"limit":20,"tableType":"spans"}],"range":{"from":"now-24h","to":"now"}}}'
)


def dashboard(parameters: Parameters, uid: str, variables: Mapping[str, str]) -> str:
    """The last hour of a dashboard, its variables filled from labels. variables: label by the variable's name.

    One that the alert does not have is left to mean all: an empty one would match nothing.
    """
    filled = "".join(
        f"{{{{ with $labels.{label} }}}}&var-{name}={{{{ . | urlquery }}}}{{{{ end }}}}"
        for name, label in variables.items()
    )
    return f"{parameters.grafana}/d/{uid}?{RANGE}{filled}"


def explore(parameters: Parameters, traceql: str) -> str:
    """Grafana's Explore with a TraceQL query over a day: a finding is told once, when it starts.

    traceql: a template that leaves the query's conditions in $q.
    """
    pane = _PANE % {"tempo": parameters.tempo}
    return (
        f"{traceql}{{{{ $q = printf `{{ %s }}` $q }}}}"
        f"{parameters.grafana}/explore?schemaVersion=1&orgId=1&panes={{{{ printf `{pane}` $q | urlquery }}}}"
    )


def query(traceql: str) -> str:
    """The TraceQL query itself, to be copied."""
    return f"{traceql}{{ {{{{ $q }}}} }}"


def runbook(parameters: Parameters, alert: str) -> str:
    """The section of docs/alerts.md: GitHub makes the anchor from the heading by lowering its letters."""
    return f"{parameters.runbooks}#{alert.lower()}"
