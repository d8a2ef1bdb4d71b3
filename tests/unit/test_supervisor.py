"""What a service manager hears, at a real socket."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from otelchan import clock
from otelchan.supervisor import Supervisor


@contextmanager
def manager(address: str) -> Iterator[socket.socket]:
    """Who listens at NOTIFY_SOCKET."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(address.replace("@", "\0"))
        listening.setblocking(False)
        yield listening


def heard(listening: socket.socket) -> list[str]:
    """All that has come."""
    found = []
    with suppress(BlockingIOError):
        while True:
            found.append(listening.recv(4096).decode())
    return found


@pytest.mark.parametrize("abstract", [True, False])
def test_the_first_turn_is_the_end_of_the_start(abstract: bool, tmp_path: Path) -> None:
    """Both kinds of sockets; without a watchdog the turns after it say nothing."""
    address = f"@otelchan-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with manager(address) as listening:
        supervisor = Supervisor({"NOTIFY_SOCKET": address})
        assert [] == heard(listening)
        for _ in range(3):
            supervisor.turn()
        assert ["READY=1"] == heard(listening)


def test_the_watchdog_hears_of_turns_well_in_time(tmp_path: Path) -> None:
    """Each quarter of its time, and not at each of many turns."""
    address, limit_ns = str(tmp_path / "notify"), 200_000_000
    with manager(address) as listening:
        environ = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": str(limit_ns // 1000), "WATCHDOG_PID": str(os.getpid())}
        supervisor = Supervisor(environ)
        began, turns = clock.monotonic_ns(), 0
        while clock.monotonic_ns() < began + 2 * limit_ns:
            supervisor.turn()
            turns += 1
        ready, *alive = heard(listening)

    assert "READY=1" == ready
    assert {"WATCHDOG=1"} == set(alive)
    assert len(alive) in range(2, 9)  # 8 quarters; fewer where the machine is busy
    assert turns > len(alive)


@pytest.mark.parametrize("environ", [{"WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "soon"}, {}])
def test_the_watchdog_of_another_process_is_not_ours(environ: dict[str, str], tmp_path: Path) -> None:
    """Variables are inherited; what is no number is none."""
    address = str(tmp_path / "notify")
    with manager(address) as listening:
        supervisor = Supervisor({"NOTIFY_SOCKET": address, **environ})
        supervisor.turn()
        clock.sleep_ns(2_000_000)
        supervisor.turn()
        assert ["READY=1"] == heard(listening)


def test_a_reload_is_told_with_its_end(tmp_path: Path) -> None:
    """Also when it fails; the time is that of the clock which systemd compares it with."""
    address = str(tmp_path / "notify")
    with manager(address) as listening:
        supervisor = Supervisor({"NOTIFY_SOCKET": address})
        before = clock.monotonic_ns() // 1000
        with suppress(ValueError), supervisor.reloading():
            raise ValueError
        began, ended = heard(listening)

    reloading, time = began.split("\n")
    assert ("RELOADING=1", "READY=1") == (reloading, ended)
    assert before <= int(time.removeprefix("MONOTONIC_USEC=")) <= clock.monotonic_ns() // 1000


def test_the_status_is_told_when_it_changes(tmp_path: Path) -> None:
    """In words for `systemctl status`."""
    address = str(tmp_path / "notify")
    with manager(address) as listening:
        supervisor = Supervisor({"NOTIFY_SOCKET": address})
        for watched in (1, 1, 2):
            supervisor.status(watched, 3)
        supervisor.stopping()
        *states, last = heard(listening)

    assert ["STATUS=watches 1 program, 3 refused", "STATUS=watches 2 programs, 3 refused"] == states
    assert last.startswith("STOPPING=1\n")


def test_a_manager_that_is_gone_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """And the agent goes on."""
    supervisor = Supervisor({"NOTIFY_SOCKET": str(tmp_path / "nobody")})
    with caplog.at_level(logging.WARNING, logger="otelchan"):
        supervisor.turn()
        supervisor.stopping()

    (said,) = caplog.messages
    assert "systemd cannot be told how otelchan is: No such file or directory" in said
    assert "nobody" in said


def test_the_loop_does_not_wait_for_a_manager_that_is_slow(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Its queue is full: programs are kept to their budget all the same, and what was not heard is said again."""
    address = str(tmp_path / "notify")
    with manager(address) as listening, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as others:
        others.setblocking(False)
        others.connect(address)
        with suppress(BlockingIOError):
            while True:
                others.send(b"X")
        supervisor = Supervisor({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "40000"})
        began, turns = clock.monotonic_ns(), 20
        for _ in range(turns):
            supervisor.turn()
            supervisor.status(1, 0)
        waited_ns = clock.monotonic_ns() - began
        heard(listening)
        supervisor.turn()
        supervisor.status(1, 0)
        first = heard(listening)
        clock.sleep_ns(12_000_000)
        supervisor.turn()

        assert ["READY=1", "STATUS=watches 1 program, 0 refused"] == first
        assert ["WATCHDOG=1"] == heard(listening)
    assert waited_ns < turns * 50_000_000  # one wait alone would be five times as much
    assert [] == caplog.messages


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1234"}])
def test_without_a_manager_nothing_is_said(environ: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    """Nobody has to be told."""
    supervisor = Supervisor(environ)
    supervisor.turn()
    supervisor.status(1, 0)
    with supervisor.reloading():
        pass
    supervisor.stopping()
    assert [] == caplog.messages
