"""The command line: which commands there are, what they take, what they say about themselves. Imports nothing heavy."""

from __future__ import annotations

import argparse
import math
import textwrap

from otelchan import __version__
from otelchan.errors import UsageError
from otelchan.target.selection import Selection

_WORDS = {
    "run": (
        "attach and export until stopped",
        "Attach to running Go programs and export what their channels do as OTLP metrics and spans, until SIGINT, "
        "SIGTERM or --duration. The endpoint comes from --endpoint or from the OTEL_EXPORTER_OTLP_* variables.",
        "otelchan run --exe '/srv/*/bin/shop' --interval 10 --endpoint http://localhost:4318",
    ),
    "census": (
        "print goroutines and channels as they are now, without probes",
        "Read one program's memory, without stopping it and without probes, and print its goroutines by wait reason, "
        "its channels, and who is blocked on them since when and where.",
        "otelchan census 4711 --json | jq '.goroutines'",
    ),
    "findings": (
        "watch for a while and say what is wrong",
        "Attach, watch, detach, and say what is wrong: on which channel goroutines are stuck, where it was made, at "
        "which line they are stuck, for how long, growing how fast. Exit status 1 when something was found.",
        "otelchan findings 4711 --duration 40",
    ),
    "doctor": (
        "say what is missing here, and what would be done with a program",
        "Look at the kernel, privileges and libbpf, and at what otelchan would do with a program, without attaching. "
        "Each line is ok or says what to do. Exit status 1 when not ready.",
        "otelchan doctor 4711",
    ),
    "completion": (
        "print a completion script for a shell",
        "Print a script that completes otelchan's commands and options.",
        "otelchan completion bash > /etc/bash_completion.d/otelchan",
    ),
}


def make_parser() -> argparse.ArgumentParser:
    """The parser of everything; `command` in its result is the command's name."""
    parser = argparse.ArgumentParser(
        prog="otelchan",
        description="See the channels and goroutines of Go programs that are already running.",
        epilog="Exit status: 0 fine, 1 a check found something, 2 you can fix it, 3 a bug of ours.",
    )
    parser.add_argument("--version", action="version", version=f"otelchan {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    run = _command(commands, "run")
    _add_processes(run)
    run.add_argument("--interval", type=seconds, metavar="S", help="seconds between exports (default: 10)")
    run.add_argument("--endpoint", metavar="URL", help="OTLP endpoint, HTTP with protobuf (default: as OTEL_* say)")
    run.add_argument("--otlp-file", metavar="PATH", help="write OTLP JSON lines to this file; no network unless asked")
    run.add_argument("--duration", type=seconds, metavar="S", help="end after so many seconds (default: never)")
    _add_settings(run)

    census = _command(commands, "census")
    _add_processes(census, many=False)
    census.add_argument("--limit", type=row_count, metavar="N", default=50, help="rows per table, 0: all (default: 50)")
    _add_json(census)

    findings = _command(commands, "findings")
    _add_processes(findings)
    findings.add_argument("--duration", type=seconds, metavar="S", default=20.0, help="seconds to watch (default: 20)")
    _add_json(findings)
    _add_settings(findings)

    doctor = _command(commands, "doctor")
    _add_processes(doctor, many=False)
    _add_json(doctor)

    completion = _command(commands, "completion")
    completion.add_argument("shell", choices=("bash", "zsh"), help="the shell to complete in")
    return parser


def selection_of(arguments: argparse.Namespace) -> Selection:
    """The processes that were asked for. Raises UsageError unless it is either PID… or --exe."""
    pids, exe = tuple(arguments.pids), arguments.exe or ""
    if pids and exe:
        raise UsageError(f"both process ids and --exe {exe} were given; say which processes in one of the two ways")
    if not pids and not exe:
        raise UsageError("no process was named; give one as PID or as --exe GLOB, such as --exe '*/bin/shop'")
    return Selection(pids=pids, exe=exe)


def process_id(text: str) -> int:
    """A process id, for argparse."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no process id; give a number such as 4711, or --exe GLOB")
    return int(text)


def only_process_id(text: str) -> list[int]:
    """The one process id of a command that takes no more, for argparse."""
    return [process_id(text)]


def seconds(text: str) -> float:
    """A positive time, for argparse."""
    number = _number(text)
    if number is None or number <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; give seconds above zero, such as 10 or 0.5")
    return number


def percent(text: str) -> str:
    """A part of one core in percent, or "off", for argparse; text, because the configuration reads it."""
    number = _number(text)
    if text != "off" and (number is None or not 0 < number <= 100):
        raise argparse.ArgumentTypeError(f"{text!r} is no budget; give percent of one core, such as 3, or off")
    return text


def row_count(text: str) -> int:
    """A number of rows, for argparse."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of rows; give one such as 50, or 0 for all")
    return int(text)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _command(commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str) -> argparse.ArgumentParser:
    summary, description, example = _WORDS[name]
    parser = commands.add_parser(
        name,
        help=summary,
        description=textwrap.fill(description, 79),
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--log-level",
        choices=("debug", "info", "warning", "error"),
        help=f"what to log to stderr (default: {'info' if name == 'run' else 'warning'})",
    )
    parser.add_argument("--debug", action="store_true", help="log everything, and show the traceback of a bug of ours")
    return parser


def _add_processes(parser: argparse.ArgumentParser, many: bool = True) -> None:
    if many:
        parser.add_argument("pids", metavar="PID", nargs="*", type=process_id, default=[], help="process ids")
    else:
        parser.add_argument("pids", metavar="PID", nargs="?", type=only_process_id, default=[], help="process id")
    meant = "processes whose" if many else "the process whose"
    words = f"{meant} executable matches, instead of PID: its path, or without a slash its file name"
    parser.add_argument("--exe", metavar="GLOB", help=words)


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document with everything, for scripts")


def _add_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--max-overhead",
        type=percent,
        metavar="PERCENT|off",
        help="budget of the probes in percent of one core (default: 3); off: no limit, for measurements only",
    )
    parser.add_argument("--config", metavar="FILE", help="configuration file, YAML (docs/configuration.md)")
