"""One OTLP request over gRPC, and what came of it. Imported for destinations that use it only: grpc takes 15 MB.

Rules: OTLP specification (protocol/otlp.md, OTLP/gRPC): CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE,
UNAVAILABLE and DATA_LOSS may be tried again, RESOURCE_EXHAUSTED only with RetryInfo, whose delay is honoured in any of
them; anything else is final; a success may still reject a part (partial success).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

import certifi
import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from otelchan import __version__
from otelchan.telemetry import advice
from otelchan.telemetry.transport import MOST_RETRY_AFTER_S, Destination, Outcome, accepted, in_one_line

_METHODS = {
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
}
_RETRYABLE = (
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DATA_LOSS,
)
_OPTIONS = (
    ("grpc.primary_user_agent", f"otelchan/{__version__}"),
    ("grpc.enable_http_proxy", 0),  # proxies come from the environment, which only config reads
    ("grpc.service_config_disable_resolution", 1),  # nobody but the user says how to send
    ("grpc.max_receive_message_length", 1 << 20),  # an answer has a hundred bytes
    ("grpc.use_local_subchannel_pool", 1),  # a new channel connects anew, without the pauses of the one before
)
_PORTS = {"http": 80, "https": 443}
Metadata = tuple[tuple[str, str | bytes], ...]


class GrpcTransport:
    """Sends to one destination over one channel, which is made anew after a failed connection: the pauses between
    attempts are the caller's, not grpc's, and certificates that were renewed are read again."""

    def __init__(self, to: Destination) -> None:
        self.to = to
        self._metadata = _metadata(to)
        self._compression = grpc.Compression.Gzip if to.gzip else grpc.Compression.NoCompression
        self._channel: grpc.Channel | None = None

    def send(self, message: bytes, timeout_s: float | None = None) -> Outcome:
        """One attempt. Never raises for what the network or the endpoint does."""
        try:
            channel = self._channel = self._channel or _open(self.to)
        except OSError as error:  # a certificate that is not there any more
            return Outcome(False, True, "tls", f"TLS failed: {error}", advice="put the file back")
        # Without serializers: bytes go and bytes come.
        export: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_METHODS[self.to.signal])
        try:
            answer = export(
                message,
                timeout=min(self.to.timeout_s, timeout_s or self.to.timeout_s),
                metadata=self._metadata,
                compression=self._compression,
            )
        except grpc.RpcError as error:
            outcome = _failure(error, self.to.secure)
            if not outcome.answered:
                self.close()
            return outcome
        except ValueError:  # closed meanwhile
            return Outcome(False, True, "connection", "the channel is closed")
        return accepted(self.to.signal, answer)

    def close(self) -> None:
        """Close the connection; a request that is under way ends."""
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()


def _open(to: Destination) -> grpc.Channel:
    parts = urlsplit(to.url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    target = f"dns:///{host}:{parts.port or _PORTS[parts.scheme]}"
    if not to.secure:
        return grpc.insecure_channel(target, options=_OPTIONS)
    client = Path(to.client_certificate).read_bytes() if to.client_certificate else None
    key = Path(to.client_key).read_bytes() if to.client_key else client
    # The same built-in ones as for HTTP.
    trusted = Path(to.certificate or certifi.where()).read_bytes()
    return grpc.secure_channel(target, grpc.ssl_channel_credentials(trusted, key, client), options=_OPTIONS)


def _metadata(to: Destination) -> Metadata:
    headers = {name.lower(): value for name, value in to.headers.items()}
    user, at, _ = urlsplit(to.url).netloc.rpartition("@")
    if at:  # as in HTTP
        headers.setdefault("authorization", f"Basic {base64.b64encode(unquote(user).encode()).decode()}")
    return tuple((name, value.encode() if name.endswith("-bin") else value) for name, value in headers.items())


def _failure(error: grpc.RpcError, secure: bool) -> Outcome:
    assert isinstance(error, grpc.Call)  # every error of a call is one (grpc, _channel.py, _InactiveRpcError)
    code, said = error.code(), error.details() or ""
    if code is grpc.StatusCode.UNAVAILABLE and (outcome := _not_reached(said, secure)):
        return outcome
    retry_info = _retry_info(error.trailing_metadata() or ())
    retry = code in _RETRYABLE or (code is grpc.StatusCode.RESOURCE_EXHAUSTED and retry_info is not None)
    if code is grpc.StatusCode.DEADLINE_EXCEEDED and not retry_info:
        return Outcome(False, True, "timeout", "no answer in time")
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and any(words in said for words in _ANSWER):
        return Outcome(False, False, f"grpc_{code.name.lower()}", _ENDLESS, advice="look what listens there")
    detail = f"gRPC status {code.name}{': ' if said else ''}{in_one_line(said)}"
    if too_large := code in _SIZES and retry_info is None and bool(_SIZE.search(said)):
        retry = False
    reason, wait_s, advice = f"grpc_{code.name.lower()}", retry_info or 0.0, _advice(code, said)
    return Outcome(False, retry, reason, detail, wait_s, advice=advice, too_large=too_large)


# What grpc itself says about an answer (core 1.85, message_size_filter.cc, compression_filter.cc).
_ANSWER = ("CLIENT: Received message larger", "Decompressed message larger")
_ENDLESS = "its answer is larger than 1 MiB"
# A request that is larger than what a server takes: Go, Java, C++, Python; tonic (Rust) says OUT_OF_RANGE.
_SIZES = (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.OUT_OF_RANGE)
_SIZE = re.compile("larger than max|exceeds maximum size|length too large|larger than the limit")


def _not_reached(said: str, secure: bool) -> Outcome | None:
    """UNAVAILABLE that grpc says itself (texts of grpc 1.85, core); None when it is the endpoint's answer."""
    if "Connection refused" in said:
        return Outcome(False, True, "refused", "connection refused")
    if said.startswith(("errors resolving", "DNS resolution failed")):
        return Outcome(False, True, "unreachable", "the name of the host is not known")
    if "unreachable" in said or "No route to host" in said:
        return Outcome(False, True, "unreachable", _last(said))
    if any(words in said for words in ("handshake failed", "TSI_", "Verification", "security handshaker")):
        # The name of the TLS library's error, without codes before it and the status of something else after it.
        what = re.sub(r".*OPENSSL_internal:|: OK$|: Invalid certificate verification context.*", "", _last(said))
        return Outcome(False, True, "tls", f"TLS failed: {what}", advice=advice.for_tls("grpc", what))
    if "Failed parsing HTTP/2" in said:
        return Outcome(False, True, "connection", "it does not speak gRPC", advice=_HTTP_PORT)
    if said.startswith("failed to connect") or said in ("Socket closed", "Connection reset by peer"):
        return Outcome(False, True, "connection", _last(said), advice=advice.for_hang_up("grpc", secure))
    return None


_HTTP_PORT = "give the gRPC port, usually 4317, or set otlp.protocol to http/protobuf"


def _last(said: str) -> str:
    return re.sub(r"^failed to connect to all addresses; last error: [A-Z_]+: (ipv[46]:\S+: )?", "", said)


def _advice(code: grpc.StatusCode, said: str) -> str:
    if code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
        return advice.WANTS_HEADER
    if code is grpc.StatusCode.UNIMPLEMENTED or (code is grpc.StatusCode.UNKNOWN and "http2 header" in said):
        return f"it does not take OTLP over gRPC: {_HTTP_PORT}"
    if code in _SIZES and _SIZE.search(said):
        return "raise max_recv_msg_size_mib of its OTLP receiver, or lower series_per_process"
    return ""


def _retry_info(trailing: Iterable[tuple[str, str | bytes]]) -> float | None:
    """Seconds to wait; None when the endpoint does not say that it may be tried again."""
    for name, value in trailing:
        if name != "grpc-status-details-bin" or not isinstance(value, bytes):
            continue
        info = RetryInfo()
        try:
            if any(detail.Unpack(info) for detail in Status.FromString(value).details):
                seconds: float = info.retry_delay.seconds + info.retry_delay.nanos / 1e9
                return min(max(seconds, 0.0), MOST_RETRY_AFTER_S)
        except DecodeError:
            pass  # something else than the specification says
    return None
