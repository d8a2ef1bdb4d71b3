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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which shell."""
    parser.add_argument("shell", choices=("bash", "zsh"), help="the shell to complete in")


def main(arguments: argparse.Namespace) -> int:
    """Writes to standard output."""
    import shtab

    from otelchan.cli import make_parser

    sys.stdout.write(shtab.complete(make_parser(), shell=arguments.shell) + "\n")
    return FINE
