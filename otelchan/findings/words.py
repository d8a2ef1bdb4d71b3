"""Numbers, places and channels as a tired person reads them."""

from __future__ import annotations

from otelchan.gobinary.types import Frame

SECOND = 1_000_000_000
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def duration(nanoseconds: int) -> str:
    """In whole seconds, two units at most: "41 s", "3 min 12 s", "2 h"."""
    seconds = max(nanoseconds, 0) // SECOND
    for position, (unit, size) in enumerate(_UNITS):
        if seconds >= size:
            text = f"{seconds // size} {unit}"
            smaller = _UNITS[position + 1 : position + 2]
            rest = [f" {seconds % size // small} {name}" for name, small in smaller if seconds % size >= small]
            return text + "".join(rest)
    return "less than 1 s"


def rate(per_minute: float) -> str:
    """ "120", "2.5": a decimal where it matters."""
    return f"{per_minute:.0f}" if per_minute >= 9.95 else f"{per_minute:.1f}"


def place(frame: Frame | None) -> str:
    """ "main.worker main.go:57"."""
    return frame.place if frame else "an unknown place"


def goroutines(count: int) -> str:
    """ "1 goroutine is", "2 goroutines are"."""
    return "1 goroutine is" if count == 1 else f"{count} goroutines are"


def channel(name: str, source: str, element_type: str) -> str:
    """A channel by its name, or by what is known of it when its make is not."""
    if not name:
        return "a nil channel"
    if source == "use" or not element_type:
        return f"{name} (where it was made is not known)" if source == "use" else f"channel {name}"
    return f"channel {name} (chan {element_type})"
