"""Where os/signal keeps the channels that signal.Notify was given: the map `handlers.m` in src/os/signal/signal.go."""

from __future__ import annotations

from collections.abc import Iterator

from otelchan.errors import BinaryError
from otelchan.gobinary.code import CodeView
from otelchan.gobinary.types import NOT_KNOWN
from otelchan.gobinary.values import CONSTANT, Value, straight

_USERS = ("os/signal.Notify", "os/signal.Notify.func1", "os/signal.Stop")  # .func1: Go 1.27
_LOOKUPS = ("runtime.mapaccess1_fast64", "runtime.mapaccess1_fast64ptr", "runtime.mapassign_fast64ptr")
_MAP = "rbx"  # mapaccess1_fast64(t *maptype, m *hmap, key uint64), ABIInternal
_LOOK_BACK = 12  # instructions


def find_signal_map(code: CodeView) -> int:
    """Address of the variable that holds the map; 0 where signal.Notify is not linked in, so that nobody listens to
    signals; NOT_KNOWN where its code is not understood."""
    if code.functions.find("os/signal.Notify") is None:
        return 0
    found = {address for name in _USERS for address in _maps_of(code, name)} - {NOT_KNOWN}
    return found.pop() if len(found) == 1 else NOT_KNOWN


def _maps_of(code: CodeView, name: str) -> Iterator[int]:
    """Where a function has the maps from that it looks something up in."""
    try:
        routine = code.routine(name)
    except BinaryError:
        return
    if routine is None:
        return
    for call in routine.calls(*_LOOKUPS):
        first = call
        while first > 0 and call - first < _LOOK_BACK and not routine[first - 1].is_call:
            first -= 1
        yield _loaded_from(straight(routine.instructions[first:call]).get(_MAP))


def _loaded_from(value: Value | None) -> int:
    """The fixed address that a value was loaded from."""
    source = value.symbol.of if value is not None and value.symbol.kind == "load" and value.offset == 0 else None
    return source.offset if source is not None and source.symbol == CONSTANT else NOT_KNOWN
