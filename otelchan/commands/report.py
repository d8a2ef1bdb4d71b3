"""`otelchan report`: one page for people without Grafana."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from otelchan.arguments import add_settings, seconds
from otelchan.commands.common import FINE, Help, begin_threads_of_numpy, config_of, keep_images, stop_on_signals
from otelchan.errors import TargetError, UsageError

if TYPE_CHECKING:
    from otelchan.report.types import Report

DEFAULT_OUTPUT = "otelchan-report.html"
MOST_LOOKS, SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 60, 0.5, 10.0

HELP = Help(
    "one HTML page of a recording, a snapshot or a running program",
    "Write one self-contained HTML page, for people without Grafana: findings, channels, block times, goroutines, who "
    "waits for whom. From what `otelchan run --otlp-file` or the Collector's file exporter wrote, from a snapshot, or "
    "of a running program, which is watched for the duration. Nothing is fetched when it is opened. Needs the extra: "
    "pip install 'otelchan[report]'.",
    "otelchan report 4711 --duration 60 -o shop.html",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is shown, where to."""
    parser.add_argument(
        "sources",
        metavar="FILE|PID",
        nargs="+",
        help="OTLP JSON lines, a snapshot, or the id of a process; several go on one page",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        default=DEFAULT_OUTPUT,
        help=f"the page; a page that is there is replaced (default: {DEFAULT_OUTPUT})",
    )
    parser.add_argument(
        "--duration", type=seconds, metavar="S", default=30.0, help="seconds to watch processes (default: 30)"
    )
    add_settings(parser)


def main(arguments: argparse.Namespace) -> int:
    """Raises OtelchanError."""
    begin_threads_of_numpy()
    from otelchan.report.charts import check

    check()  # before minutes are spent on watching
    _check_output(arguments.output)
    from otelchan import __version__, clock
    from otelchan.report import make_report
    from otelchan.report.page import page_of

    pids, files = _sorted(arguments.sources)
    with ExitStack() as undo:
        if pids:
            folder = undo.enter_context(tempfile.TemporaryDirectory(prefix="otelchan-report-"))
            recorded = str(Path(folder) / "recorded.jsonl")
            _watch(pids, recorded, arguments, files)
            files = [*files, recorded]
        report = make_report(files, clock.unix_ns(), __version__)
        if pids:
            report = _named(report, recorded, f"pid {', '.join(map(str, pids))}, watched just now")
        page = page_of(report)
    _write(page, arguments.output)
    sys.stdout.write(f"{arguments.output}: {_said(report)}, {len(page) / 1000:.0f} kB\n")
    return FINE


def _named(report: Report, path: str, name: str) -> Report:
    """A file that is gone when the page is read is called by what it was made of."""
    sources = [source._replace(path=name) if source.path == path else source for source in report.sources]
    return report._replace(sources=sources)


def _said(report: Report) -> str:
    from otelchan.view.words import count

    findings = sum(row.end is None for program in report.programs for row in program.findings)
    stills = sum(program.still for program in report.programs)
    words = [count(len(report.programs), "program")]
    if stills < len(report.programs):
        words.append(count(findings, "finding") if findings else "no findings")
    if stills:  # where nobody has looked, there are not "no findings"
        words.append(f"findings not looked for in {count(stills, 'snapshot')}")
    return ", ".join(words)


def _sorted(sources: list[str]) -> tuple[list[int], list[str]]:
    """Processes and files: a file of that name goes first; then a number is a process."""
    pids = [source for source in sources if source.isdecimal() and len(source) < 20 and not Path(source).exists()]
    return [int(pid) for pid in dict.fromkeys(pids)], [source for source in sources if source not in pids]


def _watch(pids: list[int], path: str, arguments: argparse.Namespace, others: list[str]) -> None:
    """Watch for the duration and write OTLP to a file, as `run` does. others: files that are read afterwards. Raises
    OtelchanError."""
    from otelchan import service
    from otelchan.privileges import written
    from otelchan.target.process import by_pid
    from otelchan.target.selection import Selection

    pause_s = min(max(arguments.duration / MOST_LOOKS, SHORTEST_PAUSE_S), LONGEST_PAUSE_S, arguments.duration)
    flags = {"interval_s": pause_s, "otlp__enabled": False, "otlp_file": path}
    config = keep_images(config_of(arguments, **flags))
    for pid in pids:
        by_pid(pid)  # an error now, and not after it was said that it is watched
    sys.stderr.write(f"watching for {arguments.duration:g} s; Ctrl-C ends that now and writes the page\n")
    later = [written(arguments.output), *((Path(other), os.R_OK) for other in others)]
    service.export(config, Selection(pids=tuple(pids)), stop_on_signals(), arguments.duration, later=later)
    if not Path(path).exists() or not Path(path).stat().st_size:
        names = ", ".join(map(str, pids))
        raise TargetError(f"nothing was seen of {names} in {arguments.duration:g} s; watch for longer with --duration")


def _check_output(path: str) -> None:
    """What writing would raise, before minutes are spent on watching; nothing is left behind. Raises UsageError."""
    if not _is_free(path) and not _is_page(path):
        raise UsageError(f"{path} exists and is no page of ours; give another path after -o")
    with suppress(_OnlyTried), _file(path):
        raise _OnlyTried


class _OnlyTried(Exception):
    """Ends the block of a file that is not to come into being."""


def _is_free(path: str) -> bool:
    """Whether there is nothing that would be lost, or nothing to be read: of that, writing says what is wrong."""
    try:
        return not Path(path).is_file()
    except OSError:
        return True


def _is_page(path: str) -> bool:
    try:
        with Path(path).open("rb") as file:
            return file.read(15) == b"<!DOCTYPE html>"
    except OSError:  # it will be said why when it cannot be written
        return True


def _write(page: bytes, path: str) -> None:
    with _file(path) as file:
        file.write(page)


@contextmanager
def _file(path: str) -> Iterator[BinaryIO]:
    """That is there when the block ends well. Raises UsageError."""
    from otelchan.files import whole_file

    try:
        with whole_file(path, replace=True, mode=0o600) as file:
            yield file
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}; give another path after -o") from None
