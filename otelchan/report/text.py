"""Text from a watched program, and numbers, as a page may show them."""

from __future__ import annotations

import html
import unicodedata

_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
"""Categories of characters that have no shape of their own: controls, also those that turn the direction of writing,
surrogates, private use, separators of lines. XML 1.0 forbids most of the first (section 2.2)."""
_TIMES = (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0), ("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9))
_LARGE = (("G", 1e9), ("M", 1e6), ("k", 1e3))


def clean(text: str) -> str:
    """The text with a replacement character for each one that cannot be seen or that reorders what is around it."""
    return "".join("\ufffd" if unicodedata.category(letter) in _UNSEEN else letter for letter in text)


def escaped(text: str) -> str:
    """Clean, and safe between tags and in a quoted attribute."""
    return html.escape(clean(text), quote=True)


def shortened(text: str, most: int) -> str:
    """At most so many characters: the middle is left out, as the ends of Go's names tell more."""
    if len(text) <= most:
        return text
    head = (most - 1) // 2
    return f"{text[:head]}…{text[len(text) - (most - 1 - head) :]}"


def amount(value: float, unit: str) -> str:
    """A number for an axis or a legend: "1.2k", "340/s"; for the unit "s" a duration: "20 ms", "5 min"."""
    if unit == "s":
        return _time(value)
    per_second = "/s" if unit.endswith("/s") else ""
    return _number(value) + per_second


def _number(value: float) -> str:
    for prefix, size in _LARGE:
        if abs(value) >= size * 0.9995:
            return f"{value / size:.3g}{prefix}"
    return f"{value:.3g}"


def _time(seconds: float) -> str:
    for unit, size in _TIMES:
        if abs(seconds) >= size * 0.9995:
            return f"{seconds / size:.3g} {unit}"
    return "0 s" if seconds == 0 else f"{seconds:.0e} s"
