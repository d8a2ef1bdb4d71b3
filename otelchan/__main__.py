"""`otelchan` and `python -m otelchan`: a process that is one command."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from typing import NoReturn

from otelchan.cli import main


def run() -> NoReturn:
    """One command, and then the end of the process without what Python does at its end.

    There is nothing left to be done: what a command opens it closes. But Python would collect all objects first, while
    threads that still wait for a slow backend are cut off where they are; an agent was seen that hung there for ever
    after it had detached and sent everything (CPython 3.11.7, twice in some thousand times).
    """
    try:
        status = main()
    except SystemExit as end:  # of argparse, which has said why
        status = end.code if isinstance(end.code, int) else 0
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


if __name__ == "__main__":
    run()
