"""Signals: what they ask of a command that runs until it is told to stop."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys

CODE = """
from otelchan.commands.common import reload_on_signal, stop_on_signals
stop = stop_on_signals(); asked = reload_on_signal(stop)
print('ready', flush=True)
while not stop.wait(0.01):
    if asked.is_set():
        asked.clear()  # before it is said, because then the next signal may come
        print('reload', flush=True)
print('stop', flush=True)
"""


def test_sighup_asks_to_read_again_and_ends_nothing() -> None:
    """Without a terminal, as a service: any number of times."""
    with subprocess.Popen(
        [sys.executable, "-c", CODE], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as program:
        assert program.stdout
        assert "ready\n" == program.stdout.readline()
        for _ in range(3):
            program.send_signal(signal.SIGHUP)
            assert "reload\n" == program.stdout.readline()
        program.send_signal(signal.SIGTERM)
        assert "stop\n" == program.stdout.readline()
        assert 0 == program.wait()


def test_sighup_ends_a_program_whose_terminal_has_gone() -> None:
    """Nobody could stop it any more; while the terminal is there, SIGHUP asks to read again."""
    read, write = os.pipe()
    pid, terminal = pty.fork()
    if pid == 0:
        os.dup2(write, 1)
        os.execv(sys.executable, [sys.executable, "-c", CODE])
    os.close(write)
    with os.fdopen(read) as lines:
        assert "ready\n" == lines.readline()
        os.kill(pid, signal.SIGHUP)
        assert "reload\n" == lines.readline()
        os.close(terminal)  # the kernel sends SIGHUP
        assert "stop\n" == lines.readline()
    _, status = os.waitpid(pid, 0)
    assert 0 == os.waitstatus_to_exitcode(status)
