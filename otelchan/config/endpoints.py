"""Addresses that OTLP is sent to: which are well formed, which look like a mistake, and how they may be shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

from otelchan.config.patterns import URL, matches
from otelchan.config.settings import Otlp

SIGNALS = ("metrics", "traces")
_DOUBTFUL = {  # by protocol: the port that the other one usually has
    "grpc": (4318, "port 4318 is usually for HTTP; OTLP over gRPC is usually on port 4317"),
    "http/protobuf": (4317, "port 4317 is usually for gRPC; OTLP over HTTP is usually on port 4318"),
}


class _Used(NamedTuple):
    """An endpoint that was given, with the protocol that is spoken to it. key: the setting that it comes from."""

    key: str
    address: str
    protocol: str


def is_url(address: str) -> bool:
    """Whether it is an http or https URL with a host."""
    return matches(URL, address)


def shown(address: str) -> str:
    """An address, well formed or not, without a user's name and password."""
    return re.sub(r"(^|//)[^/\s]*@", r"\1", address)


def not_urls(otlp: Otlp) -> list[str]:
    """Keys of endpoints that are no URL and yet meant for HTTP."""
    return [used.key for used in _used(otlp) if used.protocol != "grpc" and not is_url(used.address)]


def doubts(otlp: Otlp) -> list[str]:
    """A sentence for each endpoint on the port that the other protocol usually has."""
    said: dict[str, None] = {}
    for key, address, protocol in _used(otlp):
        port, words = _DOUBTFUL[protocol]
        if urlsplit(address if is_url(address) else f"//{address}").port == port:
            said[f"{key} is {shown(address)}: {words}"] = None
    return list(said)


def _used(otlp: Otlp) -> Iterator[_Used]:
    for signal in SIGNALS:
        own = otlp.of(signal).endpoint
        address = own or otlp.endpoint
        if address:
            yield _Used(f"otlp.{signal}.endpoint" if own else "otlp.endpoint", address, otlp.protocol_of(signal))
