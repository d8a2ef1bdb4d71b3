"""`otelchan top` on real programs: one frame, and a screen on a real terminal."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.agent import OTELCHAN, clean_environment, otelchan
from tests.support.paced import paced
from tests.support.shop import shop

End = Callable[[int, int], None]


def test_one_frame_has_the_programs_own_lag(workload: Callable[..., Path]) -> None:
    """Of every channel that it leaves somebody blocked on: of others that are older than us nothing is known."""
    with shop(workload("shop", go="1.27.3")) as program:
        program.go()
        done = otelchan("top", program.pid, "--once", "--interval", 1, "--json")
        truth = program.report()["channels"]

    document = json.loads(done.stdout)
    found = {row["name"].split()[-1]: (row["lag"], row["blocked"]) for row in document["channels"]}
    left = {
        place: (t["length"] + t["blocked_senders"], t["blocked_senders"] + t["blocked_receivers"])
        for place, t in truth.items()
        if t["blocked_senders"] or t["blocked_receivers"]
    }
    assert left
    assert left == {place: found.get(place) for place in left}, program.seed
    waiting = sum(row["goroutines"] for row in document["goroutines"] if row["reason"].startswith("chan "))
    assert sum(blocked for _, blocked in left.values()) <= waiting


def test_one_frame_is_text_for_people(workload: Callable[..., Path]) -> None:
    """Two programs in one table each."""
    binary = workload("shop", go="1.27.3")
    with shop(binary) as one, shop(binary) as other:
        one.go()
        done = otelchan("top", one.pid, other.pid, "--once", "--interval", 1)

    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [f"shop {one.pid}", f"shop {other.pid}"] == [line.partition(":")[0] for line in lines[0:4:2]]
    assert {"channels by lag", "goroutines"} <= set(lines)


def test_a_program_that_is_too_quick_is_shown_with_estimates(workload: Callable[..., Path]) -> None:
    """Which planes were given up, how many slices were taken, what they cost; rates that are estimated, not counted."""
    with paced(workload("paced", go="1.27.3")) as program:
        program.ask("pace 200 0")
        options = ("--once", "--interval", 12, "--max-overhead", 1)
        document = json.loads(otelchan("top", program.pid, *options, "--json").stdout)
        text = otelchan("top", program.pid, *options).stdout

    (shown,) = document["programs"]
    assert shown["planes"]["operations"] == "sliced"
    assert shown["planes"]["makes"] == "on"
    assert shown["overhead"]["slices"] > 0
    assert 0 < shown["overhead"]["gate_ns"] < shown["watched_ns"] / 10
    assert shown["cost"]["allowed"] == 0.01
    (busy,) = [row for row in document["channels"] if row["about_sends"]]
    assert (busy["sends"], busy["receives"]) == (None, None)
    assert 0 <= busy["about_sends"]["low"] <= busy["about_sends"]["likely"] <= busy["about_sends"]["high"]
    assert busy["about_sends"]["likely"] > 0
    assert re.search(r"operations sliced.* time slices? so far, 0\.\d+% of the time", text)
    assert re.search(r" ≈\d", text)


@contextmanager
def screen(*arguments: str | int) -> Iterator[tuple[int, int]]:
    """`otelchan top` on a terminal of 80 columns and 24 lines: its process id, and our end of the terminal."""
    child, terminal = pty.fork()
    if child == 0:
        os.execve(OTELCHAN, ["otelchan", "top", *map(str, arguments)], clean_environment({"TERM": "xterm-256color"}))
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    try:
        yield child, terminal
    finally:
        if _status(child, 0) is None:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        with_open = Path(f"/proc/self/fd/{terminal}")
        if with_open.exists():
            os.close(terminal)


def _status(child: int, patience_s: float) -> int | None:
    """Its exit status; None while it runs."""
    end = time.monotonic() + patience_s
    while True:
        try:
            pid, status = os.waitpid(child, os.WNOHANG)
        except ChildProcessError:
            return 0
        if pid:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= end:
            return None
        time.sleep(0.05)


def _read(terminal: int, until: Callable[[str], bool], patience_s: float = 90) -> str:
    """What is written to the terminal, until enough of it is there or nothing comes any more."""
    seen, end = b"", time.monotonic() + patience_s
    while time.monotonic() < end and not until(seen.decode(errors="replace")):
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                seen += os.read(terminal, 1 << 16)
            except OSError:  # EIO: the other end is closed
                break
    return seen.decode(errors="replace")


def press_q(_child: int, terminal: int) -> None:
    """As people do."""
    os.write(terminal, b"q")


def terminate(child: int, _terminal: int) -> None:
    """As service managers do."""
    os.kill(child, signal.SIGTERM)


def hang_up(_child: int, terminal: int) -> None:
    """The connection breaks."""
    os.close(terminal)


@pytest.mark.parametrize("end", [press_q, terminate, hang_up])
def test_the_screen_ends_and_lets_the_program_go(workload: Callable[..., Path], end: End) -> None:
    """By a key, by a signal, and when the terminal is gone: without a traceback, and somebody else can watch."""
    with shop(workload("shop", go="1.27.3")) as program:
        program.go()
        with screen(program.pid, "--interval", 1) as (child, terminal):
            seen = _read(terminal, lambda text: "1 channels" in text and "main." in text)
            assert f"shop {program.pid}" in seen, seen
            end(child, terminal)
            rest = _read(terminal, lambda _: False, 20) if end is not hang_up else ""
            status = _status(child, 20)
        again = otelchan("top", program.pid, "--once", "--interval", 1)

    assert "Traceback" not in rest
    assert status in ((128 + signal.SIGHUP, 0) if end is hang_up else (0,))
    assert again.returncode == 0, again.stderr


def test_an_error_is_one_sentence_after_the_screen() -> None:
    """As with every command."""
    with screen(1) as (child, terminal):
        seen = _read(terminal, lambda _: False, 60)
        status = _status(child, 20)

    assert status == 2, seen
    assert "otelchan: " in seen
    assert "Traceback" not in seen
