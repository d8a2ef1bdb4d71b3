"""Which goroutines the runtime keeps for itself: what runtime.NumGoroutine and goroutine dumps leave out."""

from __future__ import annotations

from typing import Protocol

_OURS = ("runtime.main", "runtime.corostart", "runtime.handleAsyncEvent")
_CALLS_BACK = {
    "runtime.runfinq": "finalizer wait",  # until Go 1.24
    "runtime.runFinalizers": "finalizer wait",
    "runtime.runCleanups": "cleanup wait",
}


class Named(Protocol):
    """A function of the executable. name: as in the function table. entry, end: link-time addresses."""

    @property
    def name(self) -> str:
        """Raw name."""
        ...

    @property
    def entry(self) -> int:
        """First address."""
        ...

    @property
    def end(self) -> int:
        """First address after it."""
        ...


class Functions(Protocol):
    """What is asked of GoImage.functions here."""

    def at(self, pc: int) -> Named | None:
        """The function that has this link-time address."""
        ...

    def find(self, name: str) -> Named | None:
        """The function of that raw name."""
        ...


def is_system(functions: Functions, started_at: int, waits_for: str) -> bool:
    """Whether a goroutine that starts in the function at that link-time address is one of the runtime's own.

    The rules of isSystemGoroutine in src/runtime/traceback.go (Go 1.19 to 1.27). The goroutines that run finalizers and
    cleanups are the runtime's while they wait for work, and the program's while they are in its code. waits_for: wait
    reason, "" when not parked; whether one that is not parked runs the program's code is not looked at.
    """
    function = functions.at(started_at)
    if function is None or function.name in _OURS:
        return False
    if function.name in _CALLS_BACK:
        return waits_for in ("", _CALLS_BACK[function.name])
    return function.name.startswith("runtime.")
