"""Arguments that several commands take, and the types of their values. Imports nothing heavy."""

from __future__ import annotations

import argparse
import math

from otelchan.errors import UsageError
from otelchan.target.selection import Selection


def selection_of(arguments: argparse.Namespace) -> Selection:
    """The processes that were asked for. Raises UsageError unless it is PID…, --exe or --all, and one of them only."""
    pids, exe, everything = tuple(arguments.pids), tuple(arguments.exe), bool(arguments.all)
    include, exclude = tuple(arguments.include), tuple(arguments.exclude)
    ways = ["process ids"] * bool(pids) + [f"--exe {glob}" for glob in exe[:1]] + ["--all"] * everything
    if len(ways) > 1:
        raise UsageError(f"both {ways[0]} and {ways[1]} were given; say which processes in one way only")
    if not ways or "" in exe:
        raise UsageError("no process was named; give PID, or --exe GLOB such as --exe '*/bin/shop', or --all")
    if "" in (*include, *exclude):
        raise UsageError("an empty glob fits nothing; give one such as --exclude '/usr/lib/*', or leave it out")
    if pids and (include or exclude):
        name, glob = ("--include", include[0]) if include else ("--exclude", exclude[0])
        raise UsageError(f"{name} {glob} narrows --exe and --all, but process ids were given; leave one of them out")
    return Selection(pids=pids, exe=exe, all=everything, include=include, exclude=exclude)


def names_processes(arguments: argparse.Namespace) -> bool:
    """Whether any were asked for."""
    return bool(arguments.pids or arguments.exe or arguments.all)


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


def sampling_seconds(text: str) -> float:
    """A time that may be zero and is at most ten minutes, for argparse."""
    number = _number(text)
    if number is None or not 0 <= number <= 600:
        raise argparse.ArgumentTypeError(f"{text!r} is no time to look; give seconds up to 600, or 0 not to look")
    return number


_UNITS_NS = {"ms": 10**6, "s": 10**9}
_SHORTEST_NS, _LONGEST_NS = 10**7, 10 * 10**9


def short_time_ns(text: str) -> int:
    """A time with its unit, 10 ms to 10 s, in nanoseconds. Raises UsageError."""
    digits = text.rstrip("ms")
    number, unit = _number(digits), _UNITS_NS.get(text[len(digits) :])
    if number is None or unit is None or not _SHORTEST_NS <= number * unit <= _LONGEST_NS:
        raise UsageError(f"a trial of {text!r} is none; give a time from 10ms to 10s, such as 100ms")
    return int(number * unit)


def percent(text: str) -> str:
    """A part of one core in percent, such as 3 or 3%, or "off", for argparse; text, because the configuration reads
    it."""
    text = text.removesuffix("%")
    number = _number(text)
    if text != "off" and (number is None or not 0 < number <= 100):
        raise argparse.ArgumentTypeError(f"{text!r} is no budget; give percent of one core, such as 3, or off")
    return text


def row_count(text: str) -> int:
    """A number of rows, for argparse."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of rows; give one such as 50, or 0 for all")
    return int(text)


def number_from_one(text: str) -> int:
    """1, 2, and so on, for argparse."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of that kind; give 1, 2 or so on")
    return int(text)


_SIZES = {"k": 10**3, "m": 10**6, "g": 10**9}


def byte_count(text: str) -> int:
    """A size in bytes with an optional k, M or G, for argparse."""
    digits, factor = text.lower(), 1
    if digits[-1:] in _SIZES:
        digits, factor = digits[:-1], _SIZES[digits[-1:]]
    if not digits.isdecimal() or int(digits) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; give bytes such as 500000, or 64M or 1G")
    return int(digits) * factor


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def add_processes(parser: argparse.ArgumentParser, many: bool = True) -> None:
    """PID…, --exe or --all, the one way to say which processes."""
    if many:
        parser.add_argument("pids", metavar="PID", nargs="*", type=process_id, default=[], help="process ids")
    else:
        parser.add_argument("pids", metavar="PID", nargs="?", type=only_process_id, default=[], help="process id")
    meant = "processes whose" if many else "the process whose"
    words = f"{meant} executable matches, instead of PID: its path, or without a slash its file name"
    parser.add_argument("--exe", metavar="GLOB", action="append", default=[], help=f"{words}; may be repeated")
    whole = "every Go process" if many else "the only Go process there is"
    parser.add_argument("--all", action="store_true", help=f"{whole} that this user may see, instead of PID")
    parser.add_argument(
        "--include", metavar="GLOB", action="append", default=[], help="of those, only what matches; may be repeated"
    )
    parser.add_argument(
        "--exclude", metavar="GLOB", action="append", default=[], help="of those, not what matches; may be repeated"
    )


def add_json(parser: argparse._ActionsContainer) -> None:
    """--json."""
    parser.add_argument("--json", action="store_true", help="print one JSON document with everything, for scripts")


def add_budget(parser: argparse.ArgumentParser) -> None:
    """--max-overhead."""
    parser.add_argument(
        "--max-overhead",
        type=percent,
        metavar="PERCENT|off",
        help="budget of the probes in percent of one core (default: 3); off: no limit, for measurements only",
    )


def add_settings(parser: argparse.ArgumentParser) -> None:
    """--config and the settings that are worth a flag."""
    add_budget(parser)
    parser.add_argument("--config", metavar="FILE", help="configuration file, YAML (docs/configuration.md)")
    parser.add_argument("--backend", choices=("auto", "libbpf", "bcc"), help="how the kernel side is loaded (auto)")
    parser.add_argument("--attach", choices=("auto", "multi", "perf"), help="how probes are attached (auto)")


def add_output(parser: argparse.ArgumentParser) -> None:
    """How often telemetry goes out, and where to."""
    parser.add_argument("--interval", type=seconds, metavar="S", help="seconds between exports (default: 10)")
    parser.add_argument("--endpoint", metavar="URL", help="OTLP endpoint (default: as OTEL_* say)")
    parser.add_argument(
        "--otlp-file", metavar="PATH", help="write OTLP JSON lines to this file; no network unless asked"
    )


def add_logging(parser: argparse.ArgumentParser, default: str, inner: bool = False) -> None:
    """What is said on stderr. default: the level. inner: of a sub-command, whose command has these options too."""
    parser.add_argument(
        "--log-level",
        choices=("debug", "info", "warning", "error"),
        default=argparse.SUPPRESS if inner else None,
        help=f"what to log to stderr (default: {default})",
    )
    parser.add_argument(
        "--debug",
        action="store_true",
        default=argparse.SUPPRESS if inner else False,
        help="log everything, and show the traceback of a bug of ours",
    )
