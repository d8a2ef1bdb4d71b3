"""Code that a process has besides its executable: plugins, which are in no table of it."""

from __future__ import annotations

from otelchan.gobinary.types import UNKNOWN_FUNCTION, Frame

_MOST = 256


class Plugins:
    """Which plugin an address is in, of all processes of one executable.

    Processes may have different plugins at one address; then only that it is a plugin is known.
    """

    def __init__(self) -> None:
        self._names: dict[tuple[int, int], set[str]] = {}

    def __bool__(self) -> bool:
        return bool(self._names)

    def add(self, low: int, high: int, name: str) -> None:
        """A process has this plugin's code at [low, high); addresses less the process's bias. Idempotent."""
        if (low, high) not in self._names and len(self._names) >= _MOST:
            del self._names[next(iter(self._names))]
        self._names.setdefault((low, high), set()).add(name)

    def frame(self, pc: int) -> Frame | None:
        """The frame of a return address there: which function it is, nobody looks up."""
        names = {name for (low, high), found in self._names.items() if low < pc <= high for name in found}
        if not names:
            return None
        return Frame(f"{UNKNOWN_FUNCTION} (plugin {names.pop()})" if len(names) == 1 else UNKNOWN_FUNCTION, "?", 0)
