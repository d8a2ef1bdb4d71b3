"""What several commands share: exit statuses, the one process meant, settings from flags, JSON, signals."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from importlib import import_module
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple

from otelchan.errors import TargetError
from otelchan.events import SignalEvent
from otelchan.target.selection import Selection

if TYPE_CHECKING:
    from otelchan.config import Config, Source
    from otelchan.target.types import Process

FINE, FOUND, USER = 0, 1, 2

# Flags that are settings, by their name among the arguments; not every command has all of them.
_FLAGS = {
    "max_overhead": "max_overhead",
    "backend": "backend",
    "attach": "attach",
    "interval": "interval_s",
    "endpoint": "otlp.endpoint",
    "otlp_file": "otlp_file",
    "status_listen": "status.listen",
}


class Help(NamedTuple):
    """What a command says about itself. summary: one line. example: one command line."""

    summary: str
    description: str
    example: str


def one_process(selection: Selection, config: Config) -> Process:
    """The process that was asked for. Raises TargetError when there is none or there are several."""
    from otelchan.programs import processes_of

    found = processes_of(selection, config)
    if not found:
        raise TargetError(f"no Go process runs that {selection} means; look with `ps -eo pid,args`")
    if len(found) > 1:
        pids = ", ".join(str(process.pid) for process in found)
        raise TargetError(f"{len(found)} processes match {selection}: {pids}; name one of them by its PID")
    return found[0]


def config_of(arguments: argparse.Namespace, **flags: Any) -> Config:
    """The settings, see source_of."""
    return source_of(arguments, **flags).load().config


def source_of(arguments: argparse.Namespace, **flags: Any) -> Source:
    """Where the settings come from: the flags that the command has, and `flags` by dotted key with `__` for the dot;
    None: not given."""
    from otelchan.config import Source, environment

    given = {key: getattr(arguments, name, None) for name, key in _FLAGS.items()}
    given.update({name.replace("__", "."): value for name, value in flags.items()})
    return Source(getattr(arguments, "config", None), environment(), given)


def keep_images(config: Config) -> Config:
    """Analysed executables are kept where these settings say from now on; the settings."""
    from otelchan.config import environment, image_folder
    from otelchan.gobinary.analysis import keep_in

    keep_in(image_folder(config, environment()))
    return config


def begin_threads_of_numpy() -> None:
    """Import it: the threads that it starts need none of our capabilities, and cannot be made to give them up later. To
    be called by whoever watches, before anything else imports it."""
    from otelchan.kernel.capabilities import alone

    alone(lambda: import_module("numpy"))


def print_json(document: dict[str, Any]) -> None:
    """One document to standard output."""
    json.dump(document, sys.stdout, indent=2)
    sys.stdout.write("\n")


def stop_on_signals() -> threading.Event:
    """An event that SIGINT and SIGTERM set; the second signal ends the process at once."""
    stop = SignalEvent()

    def on_signal(number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    signal.signal(signal.SIGINT, on_signal)
    signal.signal(signal.SIGTERM, on_signal)
    return stop


def reload_on_signal(stop: threading.Event) -> threading.Event:
    """An event that SIGHUP sets. But when the terminal that this was started from is gone, SIGHUP means what it meant
    before it was used for services, and sets `stop`: nobody is there any more to stop it."""
    asked = SignalEvent()
    had_terminal = _has_terminal()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        (stop if had_terminal and not _has_terminal() else asked).set()

    signal.signal(signal.SIGHUP, on_signal)
    return asked


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:  # ENXIO: no controlling terminal
        return False
    return True
