"""`otelchan completion`: a script that completes commands and options in a shell."""

from __future__ import annotations

import argparse
import sys

from otelchan.commands.common import FINE, Help

HELP = Help(
    "print a completion script for a shell",
    "Print a script that completes otelchan's commands and options.",
    "otelchan completion bash > /etc/bash_completion.d/otelchan",
)

SHELLS = ("bash", "zsh", "fish")
_FILES = ("FILE", "PATH", "FILE|PID", "BEFORE", "AFTER")  # what values that are files are called


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which shell."""
    parser.add_argument("shell", choices=SHELLS, help="the shell to complete in")


def main(arguments: argparse.Namespace) -> int:
    """Writes to standard output."""
    sys.stdout.write(script(arguments.shell))
    return FINE


def script(shell: str) -> str:
    """The script for one of SHELLS, for `eval` or for a file."""
    import shtab

    from otelchan.cli import make_parser

    parser = make_parser()
    _prepare(parser, shtab.FILE)
    return shtab.complete(parser, shell=shell).rstrip("\n") + "\n"


def _prepare(parser: argparse.ArgumentParser, files: object) -> None:
    """Files are completed where one is asked for, and a command is explained by its summary, in one line."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for shown in action._choices_actions:
                inner = action.choices[shown.dest]
                inner.description = shown.help
                _prepare(inner, files)
        elif action.metavar in _FILES:
            action.complete = files  # type: ignore[attr-defined]
