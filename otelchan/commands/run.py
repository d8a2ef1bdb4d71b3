"""`otelchan run`: attach and export until told to stop."""

from __future__ import annotations

import argparse

from otelchan.arguments import add_output, add_processes, add_settings, seconds, selection_of
from otelchan.commands.common import (
    FINE,
    Help,
    begin_threads_of_numpy,
    keep_images,
    reload_on_signal,
    source_of,
    stop_on_signals,
)

HELP = Help(
    "attach and export until stopped",
    "Attach to running Go programs and export what their channels do as OTLP metrics and spans, until SIGINT, SIGTERM "
    "or --duration. The endpoint comes from --endpoint or from the OTEL_EXPORTER_OTLP_* variables. SIGHUP: read the "
    "configuration file again.",
    "otelchan run --exe '/srv/*/bin/shop' --interval 10 --endpoint http://localhost:4318",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which processes, how often, for how long, where to."""
    add_processes(parser)
    add_output(parser)
    parser.add_argument("--duration", type=seconds, metavar="S", help="end after so many seconds (default: never)")
    parser.add_argument(
        "--status-listen",
        metavar="ADDRESS",
        help="answer /healthz, /readyz and /metrics there, such as 127.0.0.1:9464 (default: off)",
    )
    add_settings(parser)


def main(arguments: argparse.Namespace) -> int:
    """Raises OtelchanError."""
    selection = selection_of(arguments)
    stop = stop_on_signals()
    asked = reload_on_signal(stop)  # before what takes its time: a service may be told to reload at once
    begin_threads_of_numpy()
    from otelchan import service
    from otelchan.config import Apply, Reload, environment
    from otelchan.supervisor import Supervisor

    source = source_of(arguments)
    loaded = source.load()
    reload = Reload(source, loaded, asked)
    keep_images(loaded.config)
    supervisor = Supervisor(environment())

    def reload_if_asked(apply: Apply) -> None:
        if asked.is_set():
            with supervisor.reloading():
                reload.if_asked(apply)

    service.export(loaded.config, selection, stop, arguments.duration, reload_if_asked, supervisor)
    return FINE
