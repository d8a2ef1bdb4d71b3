"""`otelchan doctor`: what is missing here, and what would be done with a program."""

from __future__ import annotations

import argparse
import sys

from otelchan.arguments import add_json, add_processes, names_processes, selection_of
from otelchan.commands.common import FINE, FOUND, Help, config_of, keep_images, one_process, print_json
from otelchan.errors import TargetError

HELP = Help(
    "say what is missing here, and what would be done with a program",
    "Look at the kernel, privileges and libbpf, and at what otelchan would do with a program, without attaching. Each "
    "line is ok or says what to do. Exit status 1 when not ready.",
    "otelchan doctor 4711",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which process, if any."""
    add_processes(parser, many=False)
    add_json(parser)


def main(arguments: argparse.Namespace) -> int:
    """Exit status 1 when otelchan cannot work. Raises UsageError."""
    from otelchan.doctor.checks import check_machine, check_program
    from otelchan.doctor.machine import read_machine
    from otelchan.doctor.program import read_program
    from otelchan.view.doctor import doctor_document, is_ready, print_doctor
    from otelchan.view.types import FAULT, Check

    checks = check_machine(read_machine())
    if names_processes(arguments):
        selection, config = selection_of(arguments), keep_images(config_of(arguments))
        try:
            checks += check_program(read_program(one_process(selection, config)))
        except TargetError as error:
            checks.append(Check("process", FAULT, "no", str(error)))
    if arguments.json:
        print_json(doctor_document(checks))
    else:
        print_doctor(checks, sys.stdout)
    return FINE if is_ready(checks) else FOUND
