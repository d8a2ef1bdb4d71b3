"""`otelchan plan`: what would be attached where and why, what it would cost, and what is left out. It attaches nothing,
unless it is asked to try for a moment."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from otelchan.arguments import (
    add_json,
    add_processes,
    add_settings,
    names_processes,
    process_id,
    sampling_seconds,
    selection_of,
    short_time_ns,
)
from otelchan.commands.common import FINE, Help, config_of, keep_images, print_json
from otelchan.errors import OtelchanError, TargetError, UsageError

if TYPE_CHECKING:
    from otelchan.config import Config
    from otelchan.target.selection import Selection
    from otelchan.view.plan import Preview, Refused

_TRIAL = "100ms"

HELP = Help(
    "say what would be attached, why, and what it would cost, attaching nothing",
    "Print every probe that `run` would attach: function, place, instruction, what for, the cost of a hit, how many "
    "hits a second are to be expected, and what the budget makes of it; what is left out, and why; who else runs from "
    "the same file. Nothing is attached: hits are estimated from samples of what the program executes. With --trial "
    "they are counted then: each plane is attached for a tenth of a second and taken out again.",
    "otelchan plan 4711 --json | jq '.processes[].planes[] | {plane, outlook, core_percent}'",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which processes or file, how long to look."""
    add_processes(parser)
    parser.add_argument("--file", metavar="PATH", help="an executable that need not run, instead of processes")
    parser.add_argument(
        "--sample",
        type=sampling_seconds,
        metavar="S",
        default=2.0,
        help="seconds to look at what each program executes, 0: do not look (default: 2)",
    )
    parser.add_argument(
        "--calibrate",
        action="store_true",
        help="first measure what hits cost here, on a program of otelchan's own, as `run` does once per boot",
    )
    parser.add_argument(
        "--trial",
        metavar="TIME",
        nargs="?",
        const=_TRIAL,
        help="then attach each plane for so long, within the budget, and take it out again, to count its hits; a time "
        f"such as 500ms or 2s (default: {_TRIAL})",
    )
    add_json(parser)
    add_settings(parser)


def main(arguments: argparse.Namespace) -> int:
    """Raises OtelchanError, also when there is a plan for none of the processes."""
    trial_ns = trial_length_ns(arguments)
    if arguments.file and trial_ns:
        raise UsageError(f"--trial needs a running process, and {arguments.file} is a file; leave one of them out")
    if arguments.file and names_processes(arguments):
        raise UsageError(f"both --file {arguments.file} and processes were given; say which in one of the two ways")
    selection = None if arguments.file else selection_of(arguments)
    from otelchan.preview import calibrate, preview_file
    from otelchan.view.plan import plan_document
    from otelchan.view.plan_text import print_plan

    config = keep_images(config_of(arguments))
    if arguments.calibrate or trial_ns:
        calibrate(config)
    refused: list[Refused] = []
    if selection is None:
        previews = [preview_file(Path(arguments.file), config)]
    else:
        previews, refused = _previews(selection, config, int(arguments.sample * 1e9), trial_ns)
    document = plan_document(previews, refused)
    if arguments.json:
        print_json(document)
    else:
        print_plan(document, sys.stdout)
    return FINE


def trial_length_ns(arguments: argparse.Namespace) -> int:
    """How long a trial is to be; 0: none was asked for. A time has a unit, so `--trial 4711` is about a process.

    Raises UsageError.
    """
    if arguments.trial is None:
        return 0
    if arguments.trial.isdecimal():
        arguments.pids = [process_id(arguments.trial), *arguments.pids]
        arguments.trial = _TRIAL
    return short_time_ns(arguments.trial)


def _previews(
    selection: Selection, config: Config, sample_ns: int, trial_ns: int
) -> tuple[list[Preview], list[Refused]]:
    from otelchan.preview import preview_process
    from otelchan.programs import processes_of
    from otelchan.target.process import by_pid
    from otelchan.view.plan import Refused

    pids = selection.pids or tuple(process.pid for process in processes_of(selection, config))
    if not pids:
        raise TargetError(f"no Go process runs that {selection} means; look with `ps -eo pid,args`")
    previews, refused, errors = [], [], []
    for pid in pids:
        try:
            previews.append(preview_process(by_pid(pid), config, sample_ns, trial_ns))
        except OtelchanError as error:
            refused.append(Refused(pid, str(error)))
            errors.append(error)
    if not previews:
        if len(errors) == 1:
            raise errors[0]
        reasons = "; ".join(one.reason for one in refused)
        raise TargetError(f"there is no plan for any of these {len(refused)} processes: {reasons}")
    return previews, refused
