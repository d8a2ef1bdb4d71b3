"""Where the agent says how it is: addresses for its own health and metrics, off unless asked for."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from otelchan.config import patterns
from otelchan.config.describe import doc

_Address = Annotated[str, Meta(pattern=patterns.LISTEN)]


class Status(Struct, frozen=True, forbid_unknown_fields=True):
    """`/healthz`, `/readyz` and `/metrics` of the agent itself, over HTTP."""

    listen: Annotated[
        _Address | None,
        doc(
            "Address where the agent answers `/healthz`, `/readyz` and `/metrics` over HTTP (docs/status.md); "
            "127.0.0.1:9464 is the usual one. off: nothing listens.",
            "off, or a loopback address with a port; any address when `status.anywhere` is true",
            off=True,
        ),
    ] = None
    anywhere: Annotated[
        bool,
        doc(
            "Whether `status.listen` may be an address that other machines can reach: there is neither a password nor "
            "encryption.",
            "true or false",
        ),
    ] = False
    alive_within_s: Annotated[
        float,
        doc(
            "So long may the loop take for one turn before `/healthz` says 503.",
            "1 to 3600",
            ge=1,
            le=3600,
            unit="seconds",
            reload=True,
        ),
    ] = 30.0


def refused(status: Status) -> str | None:
    """Why these settings together are not allowed, a sentence without the place; None when they are."""
    if status.listen is None or status.anywhere or patterns.matches(patterns.LOOPBACK, status.listen):
        return None
    return (
        f"status.listen is {status.listen!r}, which is no loopback address, so others could reach it; give one such as "
        "127.0.0.1:9464, or set status.anywhere to true"
    )
