"""`otelchan doctor`: what is missing here, and what would be done with a program."""

from __future__ import annotations

import argparse
import sys

from otelchan.arguments import add_budget, add_json, add_processes, names_processes, selection_of
from otelchan.commands.common import FINE, FOUND, Help, config_of, keep_images, one_process, print_json
from otelchan.errors import TargetError

HELP = Help(
    "say what is missing here, and what would be done with a program",
    "Look at the kernel, privileges and libbpf, and at what otelchan would do with a program, without attaching. Each "
    "line is ok or says what to do. What a hit costs is measured on a program of otelchan's own. Exit status 1 when "
    "not ready.",
    "otelchan doctor 4711",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which process, if any."""
    add_processes(parser, many=False)
    add_json(parser)
    add_budget(parser)


def main(arguments: argparse.Namespace) -> int:
    """Exit status 1 when otelchan cannot work. Raises UsageError."""
    from otelchan.doctor.checks import check_machine, check_program
    from otelchan.doctor.machine import read_machine
    from otelchan.doctor.program import read_program
    from otelchan.doctor.spending import check_costs, read_costs
    from otelchan.view.doctor import doctor_document, is_ready, print_doctor
    from otelchan.view.types import FAULT, Check

    config, machine = keep_images(config_of(arguments)), read_machine()
    checks = check_machine(machine)
    costs = read_costs(config, machine.features)
    checks += check_costs(costs, config.program_budget, machine.features.multi)
    if names_processes(arguments):
        selection = selection_of(arguments)
        try:
            checks += check_program(read_program(one_process(selection, config), costs, config.planes))
        except TargetError as error:
            checks.append(Check("process", FAULT, "no", str(error)))
    if arguments.json:
        print_json(doctor_document(checks))
    else:
        print_doctor(checks, sys.stdout)
    return FINE if is_ready(checks) else FOUND
