"""From arguments to an exit status: 0 fine, 1 a check found something, 2 the user can fix it, 3 a bug of ours."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from types import FrameType

from otelchan.arguments import make_parser
from otelchan.errors import OtelchanError

FINE, FOUND, USER, BUG = 0, 1, 2, 3
_INTERRUPTED = 130  # as shells say it: 128 + SIGINT


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status. Raises SystemExit only, from argparse: 2, or 0 after --help."""
    arguments = make_parser().parse_args(argv)
    configure_logging(arguments)
    return guarded(lambda: dispatch(arguments), arguments.debug)


def guarded(action: Callable[[], int], debug: bool) -> int:
    """The exit status of an action, or of what it raises, with one sentence to stderr. debug: the traceback too."""
    try:
        status = action()
        sys.stdout.flush()
        return status
    except OtelchanError as error:
        print(f"otelchan: {error}", file=sys.stderr)
        return USER
    except BrokenPipeError:
        # The reader has seen enough. What Python would still flush at its end must go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FINE
    except KeyboardInterrupt:
        return _INTERRUPTED
    except Exception as error:
        if debug:
            traceback.print_exc()
        kind = type(error).__name__
        print(f"otelchan: this is a bug of ours ({kind}: {error}); {_advice(debug)}", file=sys.stderr)
        return BUG


def dispatch(arguments: argparse.Namespace) -> int:
    """The command that was asked for; returns the exit status."""
    from otelchan import commands

    if arguments.command == "run":
        commands.run(arguments, stop_on_signals())
        return FINE
    if arguments.command == "census":
        commands.census(arguments, sys.stdout)
        return FINE
    if arguments.command == "findings":
        return FOUND if commands.findings(arguments, stop_on_signals(), sys.stdout) else FINE
    if arguments.command == "doctor":
        return FINE if commands.doctor(arguments, sys.stdout) else FOUND
    commands.completion(arguments, sys.stdout)
    return FINE


def configure_logging(arguments: argparse.Namespace) -> None:
    """One line per message to stderr: time, level, message. Libraries are heard from warnings on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%Y-%m-%dT%H:%M:%S%z"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    default = "info" if arguments.command == "run" else "warning"
    level = "debug" if arguments.debug else arguments.log_level or default
    logging.getLogger("otelchan").setLevel(level.upper())


def stop_on_signals() -> threading.Event:
    """An event that SIGINT and SIGTERM set; the second signal ends the process at once."""
    stop = threading.Event()

    def on_signal(number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    signal.signal(signal.SIGINT, on_signal)
    signal.signal(signal.SIGTERM, on_signal)
    return stop


def _advice(shown: bool) -> str:
    return "please report it with the traceback above" if shown else "run it again with --debug to see where"
