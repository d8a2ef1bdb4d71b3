"""Telemetry as lines of OTLP JSON, in the form of the OpenTelemetry "OTLP File" format (specification,
protocol/file-exporter.md): one MetricsData or TracesData object per line, appended and flushed line by line.

That format wants one kind of data per file: a path with `{signal}` in it gives two files, one for metrics and one for
traces; a path without it gets the lines of both kinds, which readers tell apart by their one key.
"""

from __future__ import annotations

import base64
import logging
import threading
from collections import deque
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from otelchan import clock
from otelchan.errors import UsageError
from otelchan.telemetry.batches import MetricBatch, SpanBatch, metrics_request, traces_request
from otelchan.telemetry.delivery_log import SECOND, DeliveryLog
from otelchan.telemetry.own import AgentMetrics

log = logging.getLogger("otelchan.telemetry")
LINES_KEPT = 1024
ITEMS_KEPT = 100_000  # metric points and spans in these lines: tens of MB, however many series there are
_IDS = ("traceId", "spanId", "parentSpanId")


def json_line(message: Message) -> bytes:
    """OTLP JSON (protocol/otlp.md, JSON Protobuf encoding): lowerCamelCase keys, 64-bit integers as strings, enums as
    integers, trace and span ids in hexadecimal instead of protobuf's base64."""
    document = MessageToDict(message, use_integers_for_enums=True)
    _hexadecimal_ids(document)
    return msgspec.json.encode(document) + b"\n"


def _hexadecimal_ids(value: Any) -> None:
    if isinstance(value, list):
        for item in value:
            _hexadecimal_ids(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in _IDS and isinstance(item, str):
                value[key] = base64.b64decode(item).hex()
            elif isinstance(item, dict | list):
                _hexadecimal_ids(item)


class FileSink:
    """Appends to one file, or to one per signal, in a thread of its own: a disk or a pipe may be slow."""

    def __init__(self, path: str) -> None:
        self._paths = {signal: Path(path.replace("{signal}", signal)) for signal in ("metrics", "traces")}
        self._files: dict[Path, BinaryIO] = {}
        self._waiting: deque[MetricBatch | SpanBatch] = deque()
        self._items = 0  # that wait
        self._wake = threading.Condition()
        self._stop_ns: int | None = None
        self._reports = DeliveryLog()
        self._own: AgentMetrics
        self._thread = threading.Thread(target=self._run, name="otelchan-file", daemon=True)

    def start(self, own: AgentMetrics) -> None:
        """Open the files. Raises UsageError when that fails."""
        self._own = own
        for path in set(self._paths.values()):
            try:
                self._files[path] = path.open("ab", buffering=0)
            except OSError as error:
                raise UsageError(
                    f"cannot write telemetry to {path}: {error.strerror}; give --otlp-file a path that can be written"
                ) from error
        self._thread.start()

    def offer_metrics(self, batch: MetricBatch) -> None:
        """One line."""
        self._offer(batch)

    def offer_spans(self, batch: SpanBatch) -> None:
        """One line."""
        self._offer(batch)

    def _offer(self, batch: MetricBatch | SpanBatch) -> None:
        with self._wake:
            self._waiting.append(batch)
            self._items += batch.items
            while len(self._waiting) > LINES_KEPT or (self._items > ITEMS_KEPT and len(self._waiting) > 1):
                self._given_up(self._next(), "overflow")
            self._wake.notify()

    def _next(self) -> MetricBatch | SpanBatch:
        batch = self._waiting.popleft()
        self._items -= batch.items
        return batch

    def close(self, deadline_s: float) -> bool:
        """Write what waits, then close the files."""
        with self._wake:
            self._stop_ns = clock.monotonic_ns() + int(deadline_s * SECOND)
            self._wake.notify()
        self._thread.join(deadline_s)
        if self._thread.is_alive():
            log.warning(
                "%d lines could not be written to %s before otelchan ended; see that its disk is fast enough",
                len(self._waiting),
                self._names(),
            )
            return False
        for file in self._files.values():
            file.close()
        return True

    def _names(self) -> str:
        return " and ".join(str(path) for path in self._files)

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._waiting and self._stop_ns is None:
                    self._wake.wait()
                if not self._waiting:
                    return
                batch = self._next()
            try:
                self._write(batch)
            except Exception as error:  # or nothing would be written any more, and nobody told
                log.debug("writing failed", exc_info=True)
                words = f"a bug of ours, please report it: {type(error).__name__}: {error}"
                self._reports.failed(self._names(), words, retry=False)
                self._given_up(batch, "internal")

    def _write(self, batch: MetricBatch | SpanBatch) -> None:
        signal = _signal(batch)
        line = json_line(metrics_request([batch]) if isinstance(batch, MetricBatch) else traces_request([batch]))
        path = self._paths[signal]
        try:
            _write_all(self._files[path], line)
        except OSError as error:
            self._reports.failed(str(path), str(error.strerror), retry=False)
            self._given_up(batch, "file")
        else:
            self._reports.delivered(str(path))
            self._own.add("otelchan.export.sent", batch.items, {"otelchan.signal": signal})

    def _given_up(self, batch: MetricBatch | SpanBatch, reason: str) -> None:
        self._reports.lost(batch.items, *(str(path) for path in self._files))
        attributes = {"otelchan.signal": _signal(batch), "otelchan.reason": reason}
        self._own.add("otelchan.export.failed", batch.items, attributes)


def _signal(batch: MetricBatch | SpanBatch) -> str:
    return "metrics" if isinstance(batch, MetricBatch) else "traces"


def _write_all(file: BinaryIO, line: bytes) -> None:
    # Unbuffered, so that a reader sees whole lines at once; a write to a pipe may take a part only.
    view = memoryview(line)
    while view:
        view = view[file.write(view) or 0 :]
