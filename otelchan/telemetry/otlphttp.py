"""One OTLP request over HTTP/protobuf, and what came of it. Knows sockets and status codes.

Rules: OTLP specification (protocol/otlp.md, OTLP/HTTP): 429, 502, 503, 504 and failed connections may be tried again,
Retry-After is honoured, anything else is final; a 200 may still reject a part (partial success).
"""

from __future__ import annotations

import base64
import builtins
import gzip
import re
import zlib
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import unquote

import certifi
from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError, NewConnectionError, ProtocolError, SSLError, TimeoutError
from urllib3.util import Timeout, parse_url

from otelchan import __version__, clock
from otelchan.telemetry import advice
from otelchan.telemetry.bounded import Bounds, bounded_pool
from otelchan.telemetry.transport import MOST_RETRY_AFTER_S, Destination, Outcome, accepted, in_one_line

_RETRYABLE = (429, 502, 503, 504)
_UNREACHABLE = ("Name or service not known", "name resolution", "unreachable", "No route to host")
_TOO_LARGE = b"request body too large"  # with status 400, from Go's servers: net/http's MaxBytesReader, the Collector
_MOST_BODY_BYTES = 65536  # that is looked at, also of one that is compressed


class HttpTransport:
    """Sends to one destination over one kept-alive connection. For one thread.

    A request takes no longer than its time, however slowly an endpoint takes it and answers; only the name of its host
    has the resolver's own limits, and each of its addresses that does not answer takes so long to connect.
    By urllib3, which reads no proxy and no .netrc from the environment, and takes 5 MB less than requests on top of it.
    """

    def __init__(self, to: Destination) -> None:
        self.to = to
        self._bounds = Bounds()
        self._pool = bounded_pool(
            to.url,
            self._bounds,
            cert_reqs="CERT_REQUIRED",
            ca_certs=to.certificate or certifi.where(),
            cert_file=to.client_certificate,
            key_file=to.client_key,
        )
        url = parse_url(to.url)
        self._path, user = url.request_uri, url.auth
        basic = f"Basic {base64.b64encode(unquote(user).encode()).decode()}" if user else ""
        self._headers = {
            "Content-Type": "application/x-protobuf",
            "User-Agent": f"otelchan/{__version__}",
            **({"Content-Encoding": "gzip"} if to.gzip else {}),
            **({"Authorization": basic} if basic else {}),
            **to.headers,
        }

    def send(self, message: bytes, timeout_s: float | None = None) -> Outcome:
        """One attempt. Never raises for what the network or the endpoint does."""
        if gone := self._gone():
            return Outcome(False, True, "tls", f"TLS failed: {gone} is not there any more", advice="put the file back")
        timeout = min(self.to.timeout_s, timeout_s or self.to.timeout_s)
        body = gzip.compress(message, compresslevel=5, mtime=0) if self.to.gzip else message
        self._bounds.begin(timeout)
        try:
            response = self._pool.urlopen(
                "POST",
                self._path,
                body=body,
                headers=self._headers,
                timeout=Timeout(connect=timeout, read=timeout),
                redirect=False,
                retries=False,
                preload_content=False,
            )
        except HTTPError as error:
            return _failure(error, self.to.secure)
        answer = _read(response)
        if 200 <= response.status < 300:
            return accepted(self.to.signal, answer)
        if response.status == 413 or (response.status == 400 and _TOO_LARGE in answer):
            return Outcome(False, False, f"http_{response.status}", f"HTTP status {response.status}", too_large=True)
        return _refused(response.status, response.headers, self._advice(response, answer))

    def _gone(self) -> str | None:
        files = (self.to.certificate, self.to.client_certificate, self.to.client_key)
        return next((path for path in files if path and not Path(path).is_file()), None)

    def _advice(self, response: BaseHTTPResponse, answer: bytes) -> str:
        status = response.status
        # Go's and nginx's servers say so to HTTP on a port for TLS; when they hang up on a long request, it gets lost.
        if status == 400 and not self.to.secure and (b"HTTPS" in answer or not answer):
            return advice.SPEAKS_TLS if answer else advice.MAY_SPEAK_TLS
        if status in (401, 403):
            return advice.WANTS_HEADER
        if 300 <= status < 400:  # a POST that is redirected may become a GET, and go where nobody meant it to
            return f"give the address that it redirects to: {in_one_line(response.headers.get('Location', '?'))}"
        return "check its path: a Collector takes /v1/metrics and /v1/traces" if status == 404 else ""

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()


def _read(response: BaseHTTPResponse) -> bytes:
    """The beginning of the body; nothing when it breaks off: the status came first and says whether it was taken."""
    try:
        body = bytes(response.read(_MOST_BODY_BYTES, decode_content=False))
        if "gzip" in response.headers.get("Content-Encoding", ""):  # not asked for, and it may unpack to anything
            return zlib.decompressobj(wbits=31).decompress(body, _MOST_BODY_BYTES)
        return body
    except (HTTPError, OSError, zlib.error):
        return b""
    finally:
        response.close()  # the connection too, unless the body ended: then it is back in the pool


def _failure(error: HTTPError, secure: bool) -> Outcome:
    cause = _innermost(error)
    said = str(cause)
    if isinstance(error, SSLError):
        said = re.sub(r"^\[SSL[^]]*\] | \(_ssl\.c:\d+\)", "", said)
        return Outcome(False, True, "tls", f"TLS failed: {said}", advice=advice.for_tls("http/protobuf", said))
    if (isinstance(error, TimeoutError) and not isinstance(error, NewConnectionError)) or _late(cause):
        return Outcome(False, True, "timeout", "no answer in time")
    if isinstance(cause, ConnectionRefusedError):
        return Outcome(False, True, "refused", "connection refused")
    if any(words in said for words in _UNREACHABLE):
        return Outcome(False, True, "unreachable", said)
    if isinstance(error, ProtocolError | NewConnectionError):
        said = said if said.isprintable() else "it does not answer in HTTP/1"
        return Outcome(False, True, "connection", in_one_line(said), advice=advice.for_hang_up("http/protobuf", secure))
    return Outcome(False, False, "request", in_one_line(said))


def _late(cause: BaseException) -> bool:
    """Whether the time for the request is over: while it was sent, or read."""
    return isinstance(cause, builtins.TimeoutError)


def _innermost(error: BaseException) -> BaseException:
    """urllib3 wraps what http.client and the sockets say; the last one says it in a few words."""
    inner = next((argument for argument in error.args if isinstance(argument, BaseException)), error.__cause__)
    return error if inner is None or inner is error else _innermost(inner)


def _refused(status: int, headers: Mapping[str, str], advice: str) -> Outcome:
    detail = f"HTTP status {status}"
    if status in _RETRYABLE:
        return Outcome(False, True, f"http_{status}", detail, _retry_after_s(headers.get("Retry-After", "")))
    return Outcome(False, False, f"http_{status}", detail, advice=advice)


def _retry_after_s(value: str) -> float:
    """Seconds, or an HTTP date (RFC 9110, 10.2.3); 0 for anything else."""
    if re.fullmatch("[0-9]+", value.strip()):
        return min(float(value[:10]), MOST_RETRY_AFTER_S)
    try:
        seconds = parsedate_to_datetime(value).timestamp() - clock.unix_ns() / 1e9
    except (ValueError, TypeError, OverflowError):
        return 0.0
    return min(max(seconds, 0.0), MOST_RETRY_AFTER_S)
