"""A program whose goroutines were stuck before anybody looked: all of them are shown, with everything about them."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support import eventually
from tests.support.agent import agent
from tests.support.dump import Dump, parked_in, take_census, take_dump
from tests.support.shop import Shop, shop
from tests.support.stack import Labels, Prometheus, Stack

BUILDS = [("1.27.3", False), ("1.26.8", True)]
BLOCK_FIRST = ("-block-first", "-pprof", "127.0.0.1:0")


def dump_of(program: Shop) -> Dump:
    """The program's own words, over a connection that is closed, so that nobody serves it afterwards."""
    with requests.Session() as session:
        session.headers["Connection"] = "close"
        return take_dump(session, f"{program.pprof}/debug/pprof")


def stuck(program: Shop) -> dict[str, dict[str, Any]]:
    """The truth about the channels on which somebody is stuck, by the place of the make."""
    channels: dict[str, dict[str, Any]] = program.report()["channels"]
    assert all(t["blocked_senders"] or t["blocked_receivers"] for t in channels.values()), channels
    return channels


@pytest.mark.parametrize(("go", "stripped"), BUILDS, ids=str)
def test_the_census_shows_whoever_was_stuck_before_with_its_whole_stack(
    workload: Callable[..., Path], go: str, stripped: bool
) -> None:
    """Same goroutines, wait reasons, frames and creation sites as in the program's dump, and its channels' waiters."""
    with shop(workload("shop", go=go, stripped=stripped), *BLOCK_FIRST) as program:
        dump = dump_of(program)
        census = take_census(program.pid)
        truth = stuck(program)
        goroutines = program.report()["goroutines"]

    assert dump.parked == parked_in(census), f"seed {program.seed}"
    assert goroutines == census["goroutines"]["count"] == len(dump.goroutines)
    expected = {place: (t["blocked_senders"], t["blocked_receivers"], t["length"]) for place, t in truth.items()}
    channels = {channel["name"].split()[-1]: channel for channel in census["channels"]}
    shown = {place: (c["waiting_senders"], c["waiting_receivers"], c["length"]) for place, c in channels.items()}
    assert expected == shown, f"seed {program.seed}"
    for place, channel in channels.items():
        t = truth[place]
        assert (f"{t['function']} {place}", "code") == (channel["name"], channel["name_source"])
        assert (t["element_type"], t["capacity"]) == (channel["element_type"], channel["capacity"])


@pytest.mark.parametrize(("go", "stripped"), BUILDS, ids=str)
def test_metrics_show_whoever_was_stuck_before(
    stack: Stack, workload: Callable[..., Path], tmp_path: Path, go: str, stripped: bool
) -> None:
    """Lag, waiters and blocked goroutines equal the truth; ages are lower bounds; channels have their make's name."""
    service = f"stuck-{uuid.uuid4().hex[:8]}"
    began = time.time()
    with shop(workload("shop", go=go, stripped=stripped), *BLOCK_FIRST, env={"OTEL_SERVICE_NAME": service}) as program:
        dump, truth = dump_of(program), stuck(program)
        with agent(tmp_path / "log", program.pid, "--interval", 1, "--endpoint", stack.collector.http) as running:
            running.wait_attached()
            check_channels(stack.prometheus, service, truth, program.seed)
            check_goroutines(stack.prometheus, service, dump)
            check_ages(stack.prometheus, service, truth, began)


def by_channel(answer: list[tuple[Labels, float]], truth: dict[str, dict[str, Any]]) -> dict[tuple[str, ...], float]:
    """Values by the place of the make, and by operation where there is one; each channel named by the code."""
    found: dict[tuple[str, ...], float] = {}
    for labels, value in answer:
        place = labels["channel_name"].split()[-1]
        assert (f"{truth[place]['function']} {place}", "code") == (
            labels["channel_name"],
            labels["channel_name_source"],
        )
        key = (place, labels["channel_operation"]) if "channel_operation" in labels else (place,)
        assert key not in found, answer
        found[key] = value
    return found


def waiting(truth: dict[str, dict[str, Any]]) -> dict[tuple[str, ...], float]:
    """How many wait, by place and operation."""
    sides = (("send", "blocked_senders"), ("recv", "blocked_receivers"))
    return {(place, side): float(t[key]) for place, t in truth.items() for side, key in sides if t[key]}


def check_channels(prometheus: Prometheus, service: str, truth: dict[str, dict[str, Any]], seed: int) -> None:
    """channel_lag and channel_waiters."""
    lag = {(place,): float(t["length"] + t["blocked_senders"]) for place, t in truth.items()}

    def check() -> bool:
        assert lag == by_channel(prometheus.query(f'channel_lag{{job="{service}"}}'), truth), f"seed {seed}"
        waiters = by_channel(prometheus.query(f'channel_waiters{{job="{service}"}}'), truth)
        assert waiting(truth) == {key: value for key, value in waiters.items() if value}, f"seed {seed}"
        return True

    assert eventually(check)


def check_goroutines(prometheus: Prometheus, service: str, dump: Dump) -> None:
    """goroutine_blocked by wait reason, and go_goroutine_count."""
    expected = Counter(dumped.state for dumped in dump.parked.values())

    def check() -> bool:
        blocked = prometheus.query(f'goroutine_blocked{{job="{service}"}}')
        assert expected == {labels["goroutine_wait_reason"]: value for labels, value in blocked if value}
        count = prometheus.query(f'go_goroutine_count{{job="{service}"}}')
        assert [float(len(dump.goroutines))] == [value for _, value in count]
        return True

    assert eventually(check)


def check_ages(prometheus: Prometheus, service: str, truth: dict[str, dict[str, Any]], began: float) -> None:
    """Lower bounds: nobody can have waited for longer than the program runs."""
    ages = by_channel(prometheus.query(f'channel_wait_age_seconds{{job="{service}"}}'), truth)
    since_start = time.time() - began
    assert set(waiting(truth)) == set(ages)
    assert all(0 <= age <= since_start for age in ages.values()), (ages, since_start)
