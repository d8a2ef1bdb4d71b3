"""From arguments to an exit status: 0 fine, 1 a check found something, 2 the user can fix it, 3 a bug of ours."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
import textwrap
import traceback
from collections.abc import Callable, Sequence
from types import ModuleType

from otelchan import commands, full_version, journal
from otelchan.arguments import add_logging
from otelchan.commands.common import FINE, USER, Help
from otelchan.errors import OtelchanError

BUG = 3
_STDERR = 2
_INTERRUPTED = 130  # as shells say it: 128 + SIGINT


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status. Raises SystemExit only, from argparse: 2, or 0 after --help."""
    arguments = make_parser().parse_args(argv)
    configure_logging(arguments)
    return guarded(lambda: int(arguments.main(arguments)), arguments.debug)


def make_parser() -> argparse.ArgumentParser:
    """The parser of everything; `command` in its result is the command's name, `main` its function."""
    parser = argparse.ArgumentParser(
        prog="otelchan",
        description="See the channels and goroutines of Go programs that are already running.",
        epilog="Exit status: 0 fine, 1 a check found something, 2 you can fix it, 3 a bug of ours.",
    )
    parser.add_argument("--version", action="version", version=f"otelchan {full_version()}")
    added = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in commands.NAMES:
        module = importlib.import_module(f"otelchan.commands.{name}")
        _add_command(added, name, module.HELP, module)
    return parser


def _add_command(
    added: argparse._SubParsersAction[argparse.ArgumentParser], name: str, said: Help, module: ModuleType
) -> None:
    parser = added.add_parser(
        name,
        help=said.summary,
        description=textwrap.fill(said.description, 79),
        epilog=f"example:\n  {said.example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(parser)
    add_logging(parser, "info" if name == "run" else "warning")
    parser.set_defaults(main=module.main)


def guarded(action: Callable[[], int], debug: bool) -> int:
    """The exit status of an action, or of what it raises, with one sentence to stderr. debug: the traceback too."""
    try:
        status = action()
        sys.stdout.flush()
        return status
    except OtelchanError as error:
        _say(f"otelchan: {error}")
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
        _say(f"otelchan: this is a bug of ours ({kind}: {error}); {_advice(debug)}")
        return BUG


def configure_logging(arguments: argparse.Namespace) -> None:
    """One line per message to stderr: time, level, message; to systemd's journal with the level as its priority.
    Libraries are heard from warnings on."""
    handler = logging.StreamHandler(sys.stderr)
    line = logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%Y-%m-%dT%H:%M:%S%z")
    handler.setFormatter(journal.JournalFormatter("%(message)s") if _into_journal() else line)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    default = _level_of_run() if arguments.command == "run" else "warning"
    level = "debug" if arguments.debug else arguments.log_level or default
    logging.getLogger("otelchan").setLevel(level.upper())


def _into_journal() -> bool:
    if not journal.is_socket(_STDERR):
        return False
    from otelchan.config import environment

    return journal.is_journal(_STDERR, environment())


def _say(text: str) -> None:
    print(journal.with_priority(text, logging.ERROR) if _into_journal() else text, file=sys.stderr)


def _level_of_run() -> str:
    from otelchan.config import environment, log_level  # not for --help

    return log_level(environment()) or "info"


def _advice(shown: bool) -> str:
    return "please report it with the traceback above" if shown else "run it again with --debug to see where"
