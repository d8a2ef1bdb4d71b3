"""`otelchan top`: channels, goroutines and findings of running programs, live on a terminal."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from importlib.util import find_spec
from types import FrameType
from typing import TYPE_CHECKING

from otelchan.arguments import add_json, add_processes, add_settings, seconds, selection_of
from otelchan.commands.common import (
    FINE,
    Help,
    begin_threads_of_numpy,
    config_of,
    keep_images,
    print_json,
    stop_on_signals,
)
from otelchan.errors import TargetError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from otelchan.agent import Agent
    from otelchan.config import Config
    from otelchan.target.selection import Selection
    from otelchan.view.top_feed import Feed

INTERVAL_S, ONCE_S = 2.0, 5.0
_PATIENCE_S = 10.0  # for the programs to be let go
_SCREEN_S, _GONE_S = 10.0, 1.0  # for the screen to end; when its terminal is gone, which it does not get over

HELP = Help(
    "channels, goroutines and findings, live on a terminal",
    "Attach and show what goes on, every few seconds: channels with their lag, who is blocked and for how long, rates, "
    "goroutines in groups, findings. ? lists the keys. Needs the extra tui, but for --once, which prints one frame.",
    "otelchan top 4711",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which processes, how often, live or once."""
    add_processes(parser)
    parser.add_argument(
        "--interval",
        type=seconds,
        metavar="S",
        help=f"seconds between looks (default: {INTERVAL_S:g}; with --once {ONCE_S:g}, after which it prints)",
    )
    parser.add_argument("--once", action="store_true", help="print one frame as text, and exit")
    add_json(parser)
    add_settings(parser)


def main(arguments: argparse.Namespace) -> int:
    """Exit status 0. Raises OtelchanError."""
    selection = selection_of(arguments)
    if arguments.json and not arguments.once:
        raise UsageError("--json prints one frame and top goes on; add --once")
    if not arguments.once:
        require_screen()
    begin_threads_of_numpy()
    interval_s = arguments.interval or (ONCE_S if arguments.once else INTERVAL_S)
    config = keep_images(config_of(arguments, interval_s=interval_s, ongoing_span_s="off"))
    if arguments.once:
        return _once(config, selection, arguments.json)
    return _live(config, selection)


def require_screen() -> None:
    """Raises UsageError where there can be no live screen."""
    if find_spec("textual") is None:
        raise UsageError(
            "the live screen needs textual, which is not installed; "
            "run `pip install 'otelchan[tui]'`, or add --once for one frame as text"
        )
    if not (sys.stdin.isatty() and sys.stderr.isatty()):  # textual draws on stderr
        raise UsageError(
            "the live screen needs a terminal, and stdin or stderr is none; add --once for one frame as text"
        )


def _once(config: Config, selection: Selection, as_json: bool) -> int:
    from otelchan import service
    from otelchan.view.top_feed import Feed
    from otelchan.view.top_text import Frame, frame_document, print_frame

    feed = Feed()
    stop, report = stop_on_signals(), _report_to(feed)
    service.watch(config, selection, stop, config.interval_s, feed.publish, report, lean=True)
    frame = Frame(feed.looks())
    if not frame.looks:
        raise TargetError(f"no process that {selection} means could be watched; the log says why, if there was one")
    if as_json:
        print_json(frame_document(frame))
    else:
        print_frame(frame, sys.stdout)
    return FINE


def _report_to(feed: Feed) -> Callable[[Agent], None]:
    from otelchan.view.top_rows import Cost

    def report(agent: Agent) -> None:
        watched = agent.watches.values()
        feed.cost({(w.process.pid, w.process.start_ticks): Cost(w.governor.share, w.governor.budget) for w in watched})

    return report


def _live(config: Config, selection: Selection) -> int:
    from otelchan.privileges import only
    from otelchan.view.top_feed import Feed
    from otelchan.view.top_screen import Top

    feed, stop = Feed(), stop_on_signals()

    watcher, top = Watcher(config, selection, feed, stop), Top(feed)

    def on_hangup(_number: int, _frame: FrameType | None) -> None:
        watcher.screen_s = _GONE_S
        stop.set()

    signal.signal(signal.SIGHUP, on_hangup)
    with LogTo(feed):
        watcher.start()
        only()  # the screen needs nothing: capabilities belong to threads, and that one has its own
        try:
            top.run()
        finally:
            watcher.unseen.set()
            stop.set()
            watcher.join(_PATIENCE_S)
    for error in (watcher.error, top.failure):
        if error is not None:
            raise error
    return FINE


class Watcher(threading.Thread):
    """Watches the programs until it is told to stop, and lets them go. error: what it ended by. unseen: there is no
    screen any more. screen_s: how long it has to end."""

    def __init__(self, config: Config, selection: Selection, feed: Feed, stop: threading.Event) -> None:
        super().__init__(name="watch", daemon=True)
        self.error: BaseException | None = None
        self.unseen = threading.Event()
        self.screen_s = _SCREEN_S
        self._config, self._selection, self._feed, self._asked = config, selection, feed, stop

    def run(self) -> None:
        """In a thread of its own: the screen has the main one."""
        from otelchan import service

        feed = self._feed
        ender = threading.Thread(target=self._end_with, name="end", daemon=True)
        ender.start()
        try:
            report = _report_to(feed)
            service.watch(self._config, self._selection, self._asked, None, feed.publish, report, lean=True)
            feed.remark("nothing is watched any more")
        except BaseException as error:  # raised again where there is no screen any more
            self.error = error
            feed.end()

    def _end_with(self) -> None:
        """The screen ends as soon as somebody wants it to. When its terminal is gone, it never does by itself: textual
        waits for ever for somebody to take what it writes."""
        from otelchan.privileges import only

        only()  # it began before the other thread gave up anything
        self._asked.wait()
        self._feed.end()
        self.join(_PATIENCE_S)
        if not self.unseen.wait(self.screen_s):
            os._exit(128 + signal.SIGHUP)


class LogTo(logging.Handler):
    """What is logged goes to the screen while there is one: on the terminal it would be drawn over."""

    def __init__(self, feed: Feed) -> None:
        super().__init__()
        self._feed = feed
        self._others: list[logging.Handler] = []
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S"))

    def emit(self, record: logging.LogRecord) -> None:
        """One line."""
        self._feed.remark(self.format(record))

    def __enter__(self) -> LogTo:
        root = logging.getLogger()
        self._others, root.handlers = root.handlers, [self]
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger().handlers = self._others
