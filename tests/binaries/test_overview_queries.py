"""The dashboard that one begins with, on series that are written down here, by Prometheus's own engine.

A sample comes each 30 s; it is looked at in minute 29.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboards.generator.boards.overview import BOARD
from tests.support.promtool import answer, query_of

CHOSEN = {"$job": ".+", "$instance": ".+", "$__rate_interval": "1m", "$__range": "10m"}
(AGE,) = (each for row in BOARD.rows for each in row.panels if each["title"] == "Age of data")


def agent(instance: str, host: str) -> str:
    """A series that every agent has."""
    return f'otelchan_build_info{{job="otelchan", instance="{instance}", host_name="{host}"}}'


@pytest.mark.parametrize(
    ("one", "other", "age"),
    [
        ("1x60", "1x60", [0]),
        ("1x60", "1x18 _x40", [20 * 60]),  # killed, or what it sends does not arrive: minute 9
        ("1x60", "1x18 stale _x40", [20 * 60]),  # stopped
        ("_x60", "_x60", []),
    ],
    ids=["both report", "one is silent", "one has ended", "nobody ever reported"],
)
def test_an_agent_that_is_silent_is_not_hidden_by_one_that_reports(
    tmp_path: Path, one: str, other: str, age: list[float]
) -> None:
    """Also for longer than Prometheus remembers the last value."""
    series = {agent("a", "here"): one, agent("b", "there"): other}
    found = [value for _, value in answer(tmp_path, query_of(AGE, "A", CHOSEN), series, "29m")]
    assert len(age) == len(found)
    assert age == [pytest.approx(value, abs=60) for value in found], "a minute is how far apart it is looked for"


def test_an_agent_that_started_again_is_not_silent(tmp_path: Path) -> None:
    """It is another instance, on the same machine."""
    series = {agent("a", "here"): "1x18", agent("b", "here"): "_x18 1x60"}
    assert [0.0] == [value for _, value in answer(tmp_path, query_of(AGE, "A", CHOSEN), series, "29m")]
