"""Numbers and places as people read them."""

from __future__ import annotations

from datetime import UTC, datetime

from otelchan.gobinary.types import Frame

SECOND = 1_000_000_000
_SMALL_UNITS = (("s", SECOND), ("ms", 1_000_000), ("us", 1_000), ("ns", 1))
_LARGE_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def duration(nanoseconds: int) -> str:
    """Two units at most, "3 min 12 s"; below a minute one number with a decimal where it matters, "4.2 s".

    Rounded down, so that it never says more than was seen.
    """
    if nanoseconds >= 60 * SECOND:
        seconds = nanoseconds // SECOND
        for position, (unit, size) in enumerate(_LARGE_UNITS[:-1]):
            if seconds >= size:
                smaller, smaller_size = _LARGE_UNITS[position + 1]
                rest = seconds % size // smaller_size
                return f"{seconds // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    for unit, size in _SMALL_UNITS:
        if nanoseconds >= size:
            whole, tenths = nanoseconds // size, nanoseconds * 10 // size % 10
            return f"{whole}.{tenths} {unit}" if whole < 10 and size > 1 else f"{whole} {unit}"
    return "0 s"


def moment(unix_ns: int) -> str:
    """Unix time as people write it in every zone: "2026-11-21T12:26:33Z"."""
    return datetime.fromtimestamp(unix_ns // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def age(nanoseconds: int | None, at_least: bool) -> str:
    """A duration; with ">=" when the wait may have begun earlier; "-" when nothing is known."""
    if nanoseconds is None:
        return "-"
    return (">= " if at_least else "") + duration(nanoseconds)


def growth(per_minute: float) -> str:
    """Goroutines per minute with a sign; a decimal where it matters."""
    digits = 1 if 0 < abs(per_minute) < 10 else 0
    return f"{per_minute:+.{digits}f}/min"


def place(frame: Frame | None) -> str:
    """ "main.handle main.go:12": a frame without the folders; "-" for none."""
    return frame.place if frame else "-"


def count(number: int, singular: str) -> str:
    """ "1 goroutine", "2 goroutines"."""
    return f"{number} {singular}" if number == 1 else f"{number} {singular}s"


def frame_object(frame: Frame | None) -> dict[str, object] | None:
    """The JSON form of a frame, the same everywhere: function, file, line."""
    return None if frame is None else {"function": frame.function, "file": frame.file, "line": frame.line}


def frame_of(value: dict[str, object] | None) -> Frame | None:
    """The frame of its JSON form."""
    return None if value is None else Frame(str(value["function"]), str(value["file"]), int(str(value["line"])))
