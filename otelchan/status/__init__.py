"""The agent's own `/healthz`, `/readyz` and `/metrics`. Composition: joins the loop, telemetry and a small HTTP server.

Imported only where `status.listen` is set.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

from otelchan import clock
from otelchan.config import Config
from otelchan.standing import overhead_of
from otelchan.status.health import Facts, Health, Watched
from otelchan.status.server import Page, Server

if TYPE_CHECKING:
    from otelchan.agent import Agent
    from otelchan.telemetry.own import AgentMetrics

log = logging.getLogger("otelchan.status")

_KEPT_NS = 1_000_000_000  # metrics are collected once a second at most, however many ask


class Status:
    """Listens from its making on. Raises UsageError when nobody can listen at that address."""

    def __init__(self, config: Config) -> None:
        assert config.status.listen is not None
        self.health = Health(config.status.alive_within_s)
        self._own: AgentMetrics | None = None
        self._metrics, self._collected_ns = b"", 0
        pages = {
            "/healthz": self.health.alive_page,
            "/readyz": self.health.ready_page,
            "/metrics": self._metrics_page,
        }
        self._server = Server(config.status.listen, pages)
        self._server.start()
        log.info("/healthz, /readyz and /metrics are at http://%s", config.status.listen)

    def show(self, own: AgentMetrics) -> None:
        """From now on there are metrics."""
        self._own = own

    def reconfigure(self, config: Config) -> None:
        """These settings from now on; the address stays."""
        self.health.alive_within_s = config.status.alive_within_s

    def turn(self, agent: Agent) -> None:
        """The loop makes another turn; until the agent is ready, what it knows is looked at each time."""
        self.health.beat()
        if not self.health.ready:
            self.health.tell(facts_of(agent))

    def round(self, agent: Agent) -> None:
        """A round was published."""
        self.health.tell(facts_of(agent))

    def _metrics_page(self) -> Page:
        if self._own is None:
            return Page(HTTPStatus.SERVICE_UNAVAILABLE, "text/plain; charset=utf-8", b"the agent is starting\n")
        from otelchan.telemetry.exposition import CONTENT_TYPE, exposition

        now = clock.monotonic_ns()
        if not self._metrics or now - self._collected_ns >= _KEPT_NS:
            self._metrics, self._collected_ns = exposition(self._own.collect()).encode(), now
        return Page(HTTPStatus.OK, CONTENT_TYPE, self._metrics)

    def close(self) -> None:
        """Answer nobody any more."""
        self._server.close()


def facts_of(agent: Agent) -> Facts:
    """What the agent knows about its programs."""
    attaching = agent.attaching()
    watched = [
        Watched(
            watch.process.pid,
            watch.process.executable,
            {plane.value: state for plane, state in watch.probes.states.items()},
            target in attaching,
            overhead_of(watch),
        )
        for target, watch in agent.watches.items()
    ]
    arrivals = agent.watches.arrivals
    return Facts(tuple(watched), arrivals.waiting, dict(arrivals.why_refused), agent.rounds > 0)
