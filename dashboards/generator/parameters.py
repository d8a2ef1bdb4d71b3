"""What can be chosen when alerts and dashboards are written."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parameters:
    """What differs between installations.

    grafana: base URL of the Grafana that has the dashboards; links in annotations begin with it. tempo: uid of its
    data source for traces. runbooks: where docs/alerts.md is read; a heading's anchor is added. allowed: share of
    blocks that may take longer than an objective says, 1 - quantile. speed: every duration is divided by it, for tests
    that cannot wait.
    """

    grafana: str = "http://127.0.0.1:3000"
    tempo: str = "tempo"
    runbooks: str = "https://github.com/otelchan/otelchan/blob/main/docs/alerts.md"
    allowed: float = 0.001
    speed: int = 1

    def seconds(self, seconds: float) -> str:
        """The same as a number: "600"."""
        return f"{seconds / self.speed:g}"

    def time(self, seconds: float) -> str:
        """A duration as PromQL writes it, shortened by `speed`, whole milliseconds: "5m", "90s", "1500ms"."""
        milliseconds = max(round(seconds * 1000 / self.speed), 1)
        for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000)):
            if milliseconds % size == 0:
                return f"{milliseconds // size}{unit}"
        return f"{milliseconds}ms"
