"""What the parsers of the command line say, as values: what the manual page is made of, and whatever else lists it.

argparse has no public way to ask a parser what it takes; what is read here is the same in Python 3.11 to 3.14.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import NamedTuple


class Option(NamedTuple):
    """flags: ("-o", "--output"), none for a positional argument. value: what follows, such as "FILE"; "" for a switch.
    choices: all there are; empty: open. text: what --help says, with its default where there is one."""

    flags: tuple[str, ...]
    value: str
    text: str
    choices: tuple[str, ...] = ()


class Command(NamedTuple):
    """name: "otelchan config print". usage: one line, without "usage: ". summary: one line, as in the list of commands.
    description: a paragraph. example: a command line, or none. notes: what --help ends with, without the example."""

    name: str
    usage: str
    summary: str
    description: str
    example: str
    notes: str
    arguments: tuple[Option, ...]
    options: tuple[Option, ...]


_EXAMPLE = "example:\n  "


def commands_of(parser: argparse.ArgumentParser, summary: str = "") -> Iterator[Command]:
    """The command of a parser and all below it, in the order of --help."""
    shown = [action for action in parser._actions if action.help != argparse.SUPPRESS]
    deeper = [action for action in shown if isinstance(action, argparse._SubParsersAction)]
    said = parser.epilog or ""
    example = said.removeprefix(_EXAMPLE) if said.startswith(_EXAMPLE) else ""
    yield Command(
        name=parser.prog,
        usage=_usage(parser),
        summary=summary,
        description=" ".join((parser.description or "").split()),
        example=example,
        notes="" if example else said,
        arguments=tuple(_option(parser, one) for one in shown if not one.option_strings and one not in deeper),
        options=tuple(_option(parser, one) for one in shown if one.option_strings),
    )
    for action in deeper:
        summaries = {one.dest: one.help or "" for one in action._choices_actions}
        for name, inner in action.choices.items():
            yield from commands_of(inner, summaries.get(name, ""))


def _usage(parser: argparse.ArgumentParser) -> str:
    return " ".join(parser.format_usage().removeprefix("usage: ").split())


def _option(parser: argparse.ArgumentParser, action: argparse.Action) -> Option:
    formatter = parser._get_formatter()
    choices = tuple(str(choice) for choice in action.choices or ())
    if not action.option_strings:
        value = str(action.metavar or action.dest)
    elif action.nargs == 0:
        value = ""
    else:
        value = str(action.metavar) if action.metavar else "" if choices else action.dest.upper()
    return Option(tuple(action.option_strings), value, formatter._expand_help(action) if action.help else "", choices)
