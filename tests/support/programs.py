"""Programs that run beside a test: started, waited for by their own health endpoint, stopped by process id."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import requests

READY_TIMEOUT = 60.0  # a shared machine can be slow
STOP_TIMEOUT = 15.0
LISTEN_PORTS = range(20000, 32000)


def free_ports(count: int) -> list[int]:
    """Loopback TCP ports that were free a moment ago, all different.

    Below the range that the kernel takes from for outgoing connections (32768 and up), which could take one meanwhile.
    """
    return list(itertools.islice(filter(_is_free, random.sample(LISTEN_PORTS, 1000)), count))


def _is_free(port: int) -> bool:
    with socket.socket() as s:
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def tail(log: Path, lines: int = 40) -> str:
    """The last lines of a log file, for a person to read."""
    if not log.exists():
        return f"{log} does not exist"
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


@contextlib.contextmanager
def running(
    command: Sequence[str | Path], log: Path, ready: str, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` with its output in `log`, from the moment that GET `ready` answers 200 until the block is left.

    Raises AssertionError with the end of the log when it exits, or does not get ready, or does not stop when told to.
    """
    name = Path(command[0]).name
    with log.open("wb") as out:
        program = subprocess.Popen(
            [str(part) for part in command],
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **(env or {})},
        )
    try:
        _wait_until_ready(program, name, ready, log)
        yield program
    finally:
        _stop(program, name, log)


def _wait_until_ready(program: subprocess.Popen[bytes], name: str, url: str, log: Path) -> None:
    deadline = time.monotonic() + READY_TIMEOUT
    while time.monotonic() < deadline:
        if program.poll() is not None:
            raise AssertionError(f"{name} exited with {program.returncode} before it was ready:\n{tail(log)}")
        with contextlib.suppress(requests.RequestException):
            if requests.get(url, timeout=2).status_code == 200:
                return
        time.sleep(0.1)
    raise AssertionError(f"{name} did not answer on {url} within {READY_TIMEOUT:g} s:\n{tail(log)}")


def _stop(program: subprocess.Popen[bytes], name: str, log: Path) -> None:
    if program.poll() is not None:
        return
    program.send_signal(signal.SIGTERM)
    try:
        program.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()
        raise AssertionError(f"{name} did not stop within {STOP_TIMEOUT:g} s of SIGTERM:\n{tail(log)}") from None


@contextlib.contextmanager
def not_go() -> Iterator[subprocess.Popen[bytes]]:
    """A running program that is no Go program: Python, doing nothing."""
    program = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        yield program
    finally:
        program.kill()
        program.wait()
