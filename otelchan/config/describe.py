"""How a setting is described: what it means, what is allowed, its unit, whether it can change in a running agent."""

from __future__ import annotations

from msgspec import Meta


def doc(
    text: str,
    allowed: str,
    ge: float | None = None,
    le: float | None = None,
    *,
    unit: str = "",
    reload: bool = False,
    off: bool = False,
) -> Meta:
    """reload: a change takes effect in a running agent. off: the word "off" is a value too, and means None."""
    extra = {"allowed": allowed, "unit": unit, "reload": reload, "off": off}
    return Meta(description=text, extra=extra, ge=ge, le=le)


def count(text: str, unit: str, least: int, most: int) -> Meta:
    """A whole number, reloadable."""
    return doc(text, f"{least} to {most}", ge=least, le=most, unit=unit, reload=True)


def time(text: str, least: float) -> Meta:
    """A time of up to a day, reloadable."""
    return doc(text, f"{least} to 86400", ge=least, le=86400, unit="seconds", reload=True)
