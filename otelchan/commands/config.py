"""`otelchan config`: print the settings in effect, check a file, say what a file may hold."""

from __future__ import annotations

import argparse
import sys

from otelchan.arguments import add_json, add_logging, add_output, add_settings
from otelchan.commands.common import FINE, USER, Help, print_json, source_of

HELP = Help(
    "print, check and describe the configuration",
    "Print the settings in effect and where each comes from, check a configuration file, or print its JSON Schema.",
    "otelchan config print --defaults >otelchan.yaml && otelchan config validate otelchan.yaml",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A sub-command, with what it takes."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    shown = _add(actions, "print", "the settings in effect, each with its source; secrets are masked")
    form = shown.add_mutually_exclusive_group()
    add_json(form)
    form.add_argument("--defaults", action="store_true", help="a commented file with every setting to start from")
    add_output(shown)
    add_settings(shown)
    checked = _add(actions, "validate", "say everything that is wrong in a file; exit status 2 when something is")
    checked.add_argument("file", metavar="FILE", help="configuration file, YAML; looked at by itself")
    _add(actions, "schema", "JSON Schema (draft 2020-12) of the file, for editors")


def _add(
    actions: argparse._SubParsersAction[argparse.ArgumentParser], name: str, summary: str
) -> argparse.ArgumentParser:
    added = actions.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
    add_logging(added, "warning", inner=True)
    return added


def main(arguments: argparse.Namespace) -> int:
    """Exit status 2 when a file is wrong. Raises UsageError."""
    action = {"print": _print, "validate": _validate, "schema": _schema}[arguments.action]
    return action(arguments)


def _print(arguments: argparse.Namespace) -> int:
    from otelchan.config.text import as_document, defaults, effective

    if arguments.defaults:
        sys.stdout.write(defaults())
    elif arguments.json:
        print_json(as_document(source_of(arguments).load()))
    else:
        sys.stdout.write(effective(source_of(arguments).load()))
    return FINE


def _validate(arguments: argparse.Namespace) -> int:
    from otelchan.config.load import problems

    found = problems(arguments.file)
    for sentence in found:
        print(sentence, file=sys.stderr)
    if not found:
        print(f"{arguments.file} is a valid configuration")
    return USER if found else FINE


def _schema(_arguments: argparse.Namespace) -> int:
    from otelchan.config.schema import schema

    print_json(schema())
    return FINE
