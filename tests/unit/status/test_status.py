"""The pages of the agent, put together."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import requests

from otelchan.config import Config
from otelchan.config.status import Status as Settings
from otelchan.status import Status
from otelchan.telemetry.own import AgentMetrics
from tests.support.programs import free_ports

LIMIT = {"otelchan.map.name": "channels"}


def status() -> tuple[Status, str]:
    """One that listens, and where."""
    address = f"127.0.0.1:{free_ports(1)[0]}"
    return Status(msgspec.structs.replace(Config(), status=Settings(listen=address))), f"http://{address}"


def test_nothing_of_it_is_imported_unless_it_is_asked_for() -> None:
    """Neither by the command nor by what it runs: an agent without it pays nothing."""
    code = (
        "import sys, otelchan.commands.run, otelchan.service; print([n for n in sys.modules if 'otelchan.status' in n])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]\n" == done.stdout


def test_there_are_no_metrics_before_there_is_telemetry() -> None:
    """The pages are there from the start, so that somebody who waits for the agent can ask."""
    pages, url = status()
    try:
        assert [200, 503, 503] == [
            requests.get(f"{url}/{p}", timeout=5).status_code for p in ("healthz", "readyz", "metrics")
        ]
        pages.show(AgentMetrics())
        assert 200 == requests.get(f"{url}/metrics", timeout=5).status_code
    finally:
        pages.close()


def test_metrics_are_collected_once_a_second_at_most() -> None:
    """However often they are asked for: the next who asks within the second gets the same."""
    pages, url = status()
    try:
        own = AgentMetrics()
        pages.show(own)
        own.set("otelchan.map.entry.limit", 1, LIMIT)
        first = requests.get(f"{url}/metrics", timeout=5).text
        own.set("otelchan.map.entry.limit", 2, LIMIT)
        answers = [requests.get(f"{url}/metrics", timeout=5) for _ in range(5)]
        last = answers[-1]
        while last.text == first:
            last = requests.get(f"{url}/metrics", timeout=5)
    finally:
        pages.close()
    assert 'otelchan_map_entry_limit{otelchan_map_name="channels"} 1\n' in first
    assert first == answers[0].text
    assert 'otelchan_map_entry_limit{otelchan_map_name="channels"} 2\n' in last.text
