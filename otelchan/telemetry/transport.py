"""One OTLP request over HTTP/protobuf, and what came of it. Knows sockets and status codes, nothing of metrics.

Rules: OTLP specification (protocol/otlp.md, OTLP/HTTP): 429, 502, 503, 504 and failed connections may be tried again,
Retry-After is honoured, anything else is final; a 200 may still reject a part (partial success), which is read here.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import requests
import urllib3
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from otelchan import __version__, clock
from otelchan.config import Otlp
from otelchan.errors import UsageError

SIGNALS = ("metrics", "traces")
_RETRYABLE = (429, 502, 503, 504)
_UNREACHABLE = ("Name or service not known", "name resolution", "unreachable", "No route to host")
_MOST_RETRY_AFTER_S = 120.0
_MOST_ANSWER_BYTES = 65536


@dataclass(frozen=True, slots=True)
class Destination:
    """Where one signal goes, and how. verify: False never; a path of certificates or True for the built-in ones."""

    signal: str
    url: str
    headers: Mapping[str, str]
    gzip: bool
    timeout_s: float
    verify: str | bool = True
    client_certificate: str | tuple[str, str] | None = None

    @property
    def origin(self) -> str:
        """scheme://host:port, which is what answers or does not. Without a password, for the log."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    @property
    def address(self) -> str:
        """The whole address without a password and a query, for the log."""
        return self.origin + urlsplit(self.url).path


class Outcome(NamedTuple):
    """What came of one request.

    delivered: accepted, except for `rejected` items. retry: the same request may be tried again. reason: "" or one of
    a few words for counting. detail: for people. retry_after_s: what the endpoint asked for, else 0.
    """

    delivered: bool
    retry: bool = False
    reason: str = ""
    detail: str = ""
    retry_after_s: float = 0.0
    rejected: int = 0


def destination(otlp: Otlp, signal: str) -> Destination:
    """The settings of one signal: its own where there are any, else those for both. Raises UsageError for files."""
    own = otlp.metrics if signal == "metrics" else otlp.traces
    url = own.endpoint or f"{otlp.base_endpoint.rstrip('/')}/v1/{signal}"
    certificate = own.certificate or otlp.certificate
    client = own.client_certificate or otlp.client_certificate
    key = own.client_key or otlp.client_key
    for name, path in (("certificate", certificate), ("client_certificate", client), ("client_key", key)):
        if path and not Path(path).is_file():
            raise UsageError(f"otlp.{name} is {path}, but there is no such file; give the path of a PEM file")
    if key and not client:
        raise UsageError(f"otlp.client_key is {key}, but there is no otlp.client_certificate; give both")
    return Destination(
        signal=signal,
        url=url,
        headers={**otlp.headers, **own.headers},
        gzip=(own.compression or otlp.compression) == "gzip",
        timeout_s=own.timeout_s or otlp.timeout_s,
        verify=certificate or True,
        client_certificate=(client, key) if client and key else client or None,
    )


class HttpTransport:
    """Sends to one destination over one kept-alive session. For one thread."""

    def __init__(self, to: Destination) -> None:
        self.to = to
        self._session = requests.Session()
        self._session.trust_env = False  # proxies and .netrc come from the environment, which only config reads
        self._session.headers.update(
            {"Content-Type": "application/x-protobuf", "User-Agent": f"otelchan/{__version__}", **to.headers}
        )
        if to.gzip:
            self._session.headers["Content-Encoding"] = "gzip"

    def send(self, message: bytes, timeout_s: float | None = None) -> Outcome:
        """One attempt. Never raises for what the network or the endpoint does."""
        timeout = min(self.to.timeout_s, timeout_s or self.to.timeout_s)
        body = gzip.compress(message, compresslevel=5, mtime=0) if self.to.gzip else message
        try:
            with self._session.post(
                self.to.url,
                data=body,
                timeout=timeout,
                verify=self.to.verify,
                cert=self.to.client_certificate,
                allow_redirects=False,
                stream=True,
            ) as response:
                answer = _read(response)
        except requests.exceptions.RequestException as error:
            return _failure(error)
        return _answered(self.to.signal, response.status_code, response.headers, answer)

    def close(self) -> None:
        """Close the connection."""
        self._session.close()


def _read(response: requests.Response) -> bytes:
    """The beginning of the body; nothing when it breaks off: the status came first and says whether it was taken."""
    try:
        return bytes(response.raw.read(_MOST_ANSWER_BYTES, decode_content=True))
    except (urllib3.exceptions.HTTPError, OSError):
        return b""


def _failure(error: requests.exceptions.RequestException) -> Outcome:
    text = str(error)
    if isinstance(error, requests.exceptions.SSLError):
        return Outcome(False, True, "tls", f"TLS failed: {_innermost(error)}")
    if isinstance(error, requests.exceptions.Timeout):
        return Outcome(False, True, "timeout", "no answer in time")
    if "Connection refused" in text:
        return Outcome(False, True, "refused", "connection refused")
    if (
        "Name or service not known" in text
        or "name resolution" in text
        or "unreachable" in text
        or "No route to host" in text
    ):
        return Outcome(False, True, "unreachable", _innermost(error))
    if isinstance(error, requests.exceptions.ConnectionError | requests.exceptions.ChunkedEncodingError):
        return Outcome(False, True, "connection", _innermost(error))
    return Outcome(False, False, "request", _innermost(error))


def _innermost(error: BaseException) -> str:
    # requests wraps urllib3 wraps OSError; the last one says it in a few words.
    reason = getattr(error, "reason", None)
    inner = reason if isinstance(reason, BaseException) else (error.args[0] if error.args else None)
    return _innermost(inner) if isinstance(inner, BaseException) and inner is not error else str(error)


def _answered(signal: str, status: int, headers: Mapping[str, str], answer: bytes) -> Outcome:
    if 200 <= status < 300:
        return _accepted(signal, answer)
    detail = f"HTTP status {status}"
    if status in _RETRYABLE:
        return Outcome(False, True, f"http_{status}", detail, _retry_after_s(headers.get("Retry-After", "")))
    return Outcome(False, False, f"http_{status}", detail)


def _accepted(signal: str, answer: bytes) -> Outcome:
    try:
        if signal == "metrics":
            metrics = ExportMetricsServiceResponse.FromString(answer).partial_success
            return Outcome(True, detail=metrics.error_message, rejected=metrics.rejected_data_points)
        traces = ExportTraceServiceResponse.FromString(answer).partial_success
        return Outcome(True, detail=traces.error_message, rejected=traces.rejected_spans)
    except DecodeError:
        return Outcome(True)  # some endpoints answer JSON or nothing that makes sense; the status counts


def _retry_after_s(value: str) -> float:
    """Seconds, or an HTTP date (RFC 9110, 10.2.3)."""
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - clock.unix_ns() / 1e9
        except (ValueError, TypeError):
            return 0.0
    return min(max(seconds, 0.0), _MOST_RETRY_AFTER_S)
