"""Lines for systemd's journal, and when they are written."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from otelchan.journal import is_journal, with_priority


@pytest.mark.parametrize(
    ("level", "line"),
    [
        (logging.DEBUG, "<7>x"),
        (logging.INFO, "<6>x"),
        (logging.WARNING, "<4>x"),
        (logging.ERROR, "<3>x"),
        (logging.CRITICAL, "<3>x"),
    ],
)
def test_levels_become_the_priorities_of_syslog(level: int, line: str) -> None:
    """One digit in angle brackets, in front."""
    assert line == with_priority("x", level)


def test_each_line_of_a_message_has_the_priority() -> None:
    """The journal takes each line by itself."""
    assert "<3>one\n<3>two" == with_priority("one\ntwo", logging.ERROR)


def test_only_the_socket_that_is_named_is_the_journal(tmp_path: Path) -> None:
    """The variable is inherited by programs whose stderr is a file, or another socket."""
    one, other = socket.socketpair()
    with one, other, (tmp_path / "file").open("w") as file:
        status = os.fstat(one.fileno())
        environ = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        found = [is_journal(each.fileno(), environ) for each in (one, other, file)]
        without = is_journal(one.fileno(), {})
        named = os.fstat(file.fileno())
        as_file = is_journal(file.fileno(), {"JOURNAL_STREAM": f"{named.st_dev}:{named.st_ino}"})

    assert ([True, False, False], False, False) == (found, without, as_file)


def run(*arguments: str, named: bool) -> str:
    """What a command writes to a stderr that is a socket; named: it is said to be the journal's."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            status = os.fstat(theirs.fileno())
            stream = f"{status.st_dev}:{status.st_ino}" if named else "1:1"
            environ = {**os.environ, "JOURNAL_STREAM": stream}
            command = [sys.executable, "-m", "otelchan", *arguments]
            subprocess.run(command, stderr=theirs.fileno(), env=environ, check=False)
        ours.settimeout(10)
        return b"".join(iter(lambda: ours.recv(4096), b"")).decode()


def test_what_is_wrong_is_an_error_in_the_journal() -> None:
    """The one sentence of a command that fails, too; elsewhere it is as it was."""
    command = ("run", "1", "--config", "/nowhere.yaml")
    sentence = "otelchan: cannot read the configuration file /nowhere.yaml: "
    assert run(*command, named=True).startswith("<3>" + sentence)
    assert run(*command, named=False).startswith(sentence)
