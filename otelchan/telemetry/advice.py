"""What to do about a request that failed: the end of the one sentence that is logged. Words only, no network."""

from __future__ import annotations

SPEAKS_TLS = "it speaks TLS: write https:// instead of http://"
MAY_SPEAK_TLS = "look what listens there: if it speaks TLS write https:// instead of http://"
WANTS_HEADER = "it wants to know who asks: set otlp.headers to what it demands"
_HANGS_UP = {
    ("http/protobuf", False): "look what listens there: for a gRPC port set otlp.protocol to grpc, "
    "for one that speaks TLS write https:// instead of http://",
    ("http/protobuf", True): "look what listens there: for a gRPC port set otlp.protocol to grpc, "
    "for one that demands a client certificate set otlp.client_certificate and otlp.client_key",
    ("grpc", False): MAY_SPEAK_TLS,
    ("grpc", True): "look what listens there: if it demands a client certificate set otlp.client_certificate and "
    "otlp.client_key",
}
# By what OpenSSL (urllib3) and BoringSSL (grpc) say, in capitals and with spaces; the first that fits.
_TLS = (
    (
        ("KEY VALUES MISMATCH", "NO CERTIFICATE OR CRL", "NO START LINE", "PEM LIB", "SECURITY HANDSHAKER"),
        "a PEM file of ours cannot be read any more, or a key is not that of its certificate: put back what fits",
    ),
    (("MISMATCH", "HOSTNAME VERIFICATION"), "give the endpoint by a name that is in its certificate"),
    (("EXPIRED",), "renew its certificate, or correct the clock"),
    (("VERIFY FAILED",), "set otlp.certificate to the PEM file of the CA that signed its certificate"),
    (("WRONG VERSION", "UNKNOWN PROTOCOL", "HTTP REQUEST"), "it does not speak TLS: write http:// instead of https://"),
    (
        ("CERTIFICATE REQUIRED", "BAD CERTIFICATE", "UNKNOWN CA", "HANDSHAKE FAILURE", "TSI DATA CORRUPTED"),
        "it demands a client certificate that it trusts: set otlp.client_certificate and otlp.client_key",
    ),
)


def for_hang_up(protocol: str, secure: bool) -> str:
    """The endpoint ended the connection instead of answering."""
    return _HANGS_UP[protocol, secure]


def for_tls(protocol: str, said: str) -> str:
    """A TLS library gave up. said: its words; "EOF" and the like leave open why the endpoint ended the connection."""
    text = said.upper().replace("_", " ")
    fitting = (advice for words, advice in _TLS if any(word in text for word in words))
    return next(fitting, for_hang_up(protocol, secure=True))
