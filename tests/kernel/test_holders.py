"""Traps of all planes go at the same time, when they are taken out and when the agent is killed."""

from __future__ import annotations

import errno
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from otelchan.gobinary.image import analyse
from otelchan.kernel.links import Attach
from otelchan.kernel.session import Session
from otelchan.plan.planner import make_plan
from otelchan.plan.types import AttachPlan
from tests.support.attacher import attacher, gone_after_kill
from tests.support.hammer import hammer
from tests.support.kills import sites_of, traps
from tests.support.seccomp import CLONE, CLONE3, CLOSE_RANGE

TIMES = 3
NO_TABLES = ((CLOSE_RANGE, errno.EPERM),)
NO_THREADS = ((CLONE, errno.EAGAIN), (CLONE3, errno.EAGAIN))


@pytest.fixture(scope="module")
def binary(workload: Callable[..., Path]) -> Path:
    """A program that does nothing but channel operations."""
    return workload("hammer", go="1.27.3")


def attach_all(session: Session, plan: AttachPlan, pid: int) -> list[int]:
    """The ids of the links, one per plane."""
    return [
        session.attach(plan.path, [s.file_offset for s in sites], [s.cookie for s in sites], pid)
        for sites in plan.planes.values()
    ]


def test_planes_are_detached_at_the_same_time(binary: Path) -> None:
    """All of them take little longer than one, for the kernel's readers are waited for once."""
    session, plan = Session(attach=Attach.MULTI), make_plan(analyse(binary), 1, str(binary))
    together, one_by_one = [], []
    try:
        with hammer(binary) as program:
            for _ in range(TIMES):
                links, begin = attach_all(session, plan, program.pid), time.monotonic()
                session.detach(*links)
                together.append(time.monotonic() - begin)
                assert traps(program.pid, sites_of(binary)) == 0
                links, begin = attach_all(session, plan, program.pid), time.monotonic()
                for link in links:
                    session.detach(link)
                one_by_one.append(time.monotonic() - begin)
    finally:
        session.close()

    assert len(plan.planes) == 4
    assert statistics.median(together) < 0.75 * statistics.median(one_by_one), (together, one_by_one)


def test_traps_of_a_killed_agent_go_at_once(binary: Path) -> None:
    """They need not wait for each other, as they do where threads may have no descriptors of their own."""
    sites, at_once, one_by_one = sites_of(binary), [], []
    with hammer(binary) as program:
        for _ in range(TIMES):
            with attacher(program.pid, binary, Attach.MULTI) as (process, said):
                assert ("", len(sites)) == (said, traps(program.pid, sites))
                at_once.append(gone_after_kill(process, program.pid, sites))
            with attacher(program.pid, binary, Attach.MULTI, *NO_TABLES) as (process, said):
                assert "threads may have no descriptors of their own" in said
                one_by_one.append(gone_after_kill(process, program.pid, sites))

    assert statistics.median(at_once) < 0.5 * statistics.median(one_by_one), (at_once, one_by_one)


@pytest.mark.parametrize("way", Attach)
def test_where_no_thread_can_be_had_traps_come_and_go_all_the_same(binary: Path, way: str) -> None:
    """Only more slowly, and a line says why."""
    sites = sites_of(binary)
    with hammer(binary) as program, attacher(program.pid, binary, way, *NO_THREADS) as (process, said):
        during = traps(program.pid, sites)
        gone_after_kill(process, program.pid, sites)

    assert len(sites) == during
    assert "no thread to hold links in" in said
