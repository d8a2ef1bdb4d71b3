"""What the arguments of a call can be where the instructions right before it do not say: over all paths to the call,
and, in the one body that a generic function has for several types, over all dictionaries that its callers pass.

A generic function is compiled once per shape of its type arguments ("main.Push[go.shape.int]"), and gets what depends
on the type itself, such as the descriptor of `chan T`, from a dictionary that the compiler wrote. Such a body is only
ever called directly, with the address of a dictionary or with an entry of the caller's own: function values and method
tables hold wrappers. Source: src/cmd/compile/internal/noder/reader.go, "dictionary" (Go 1.20 to 1.27). In Go 1.19 the
body makes channels of the shape itself, so there the element type of such a channel is called "go.shape.int_0".

Up to Go 1.20 the linker writes "main.Push[...]", and the names of wrappers look the same. There only types are followed
into callers: a type that is read from an argument is read from a dictionary, whereas an argument of a wrapper that says
a capacity may come from anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from otelchan.errors import BinaryError
from otelchan.gobinary.calls import starts
from otelchan.gobinary.code import CodeView
from otelchan.gobinary.flow import Values
from otelchan.gobinary.functions import Function
from otelchan.gobinary.values import CONSTANT, Value

_LONGEST = 6000  # instructions of a function that is looked at as a whole: 0.2 s
_BYTES = 5 * _LONGEST
_SHAPED, _GENERIC = "[go.shape.", "[...]"
_MOST = 256  # generic functions that hand dictionaries on to each other

CallsOf = Callable[[int], Iterable[int]]
StartsIn = Callable[[bytes, int], frozenset[int] | None]


class _Parameter(NamedTuple):
    """A register at the entry of a function, which holds a dictionary."""

    entry: int
    register: str


class _Source(NamedTuple):
    """What a register holds at a call: these numbers, or a dictionary that came in, or the entry at `offset` of it."""

    numbers: frozenset[int]
    parameter: _Parameter | None = None
    offset: int | None = None


class Arguments:
    """Keeps what was worked out of each function. calls_of: addresses of the direct calls of a function."""

    def __init__(self, code: CodeView, calls_of: CallsOf, starts_in: StartsIn = starts) -> None:
        """starts_in: where instructions begin in code at an address, see calls.starts()."""
        self._code = code
        self._starts_in = starts_in
        self._calls_of = calls_of
        self._values: dict[int, Values | None] = {}
        self._starts: dict[int, frozenset[int] | None] = {}
        self._callers: dict[_Parameter, tuple[_Source, ...] | None] = {}

    def of(self, call: int, register: str) -> frozenset[int]:
        """The numbers that a register can hold at a call; empty when they are not all known."""
        source = self._source(call, register, types=register == "rax")
        if source is None or source.parameter is None:
            return source.numbers if source else frozenset()
        return self._read(source, self._dictionaries(source.parameter))

    def _source(self, call: int, register: str, types: bool = True) -> _Source | None:
        """None when it is not known. types: it is a type or a dictionary."""
        function = self._code.functions.at(call)
        values = self._values_of(function) if function else None
        if function is None or values is None:
            return None
        value = values.at(values.routine.index_of(call)).get(register)
        numbers = values.constants(value)
        return _Source(frozenset(numbers)) if numbers else self._handed(function, value, types)

    def _handed(self, function: Function, value: Value | None, types: bool) -> _Source | None:
        """A dictionary, or an entry of one: of one that is named right there, or of one that the callers pass."""
        if value is None or value.width < 8:
            return None
        shaped = _SHAPED in function.name or (types and _GENERIC in function.name)
        if value.symbol.kind == "argument" and value.offset == 0 and shaped:
            return _Source(frozenset(), _Parameter(function.entry, str(value.symbol.place)))
        source = value.symbol.of if value.symbol.kind == "load" and value.offset == 0 else None
        if source is None:
            return None
        if source.symbol == CONSTANT:
            return _Source(self._words({source.offset}))
        if source.symbol.kind == "argument" and shaped:
            return _Source(frozenset(), _Parameter(function.entry, str(source.symbol.place)), source.offset)
        return None

    def _values_of(self, function: Function) -> Values | None:
        """None where not every path is known, or the function is so long that it would take seconds."""
        if function.entry not in self._values:
            self._values[function.entry] = self._solved(function)
        return self._values[function.entry]

    def _solved(self, function: Function) -> Values | None:
        if function.end - function.entry > _BYTES:
            return None
        try:
            routine = self._code.routine_at(function.entry)
        except BinaryError:
            return None
        plain = routine and not routine.has_indirect_jumps and len(routine) <= _LONGEST
        return Values(routine) if routine and plain else None

    def _dictionaries(self, wanted: _Parameter) -> frozenset[int]:
        """All that callers can pass, through however many hands; empty when one of them is not known."""
        sources: dict[_Parameter, tuple[_Source, ...]] = {}
        todo = [wanted]
        while todo:
            parameter = todo.pop()
            if parameter in sources:
                continue
            callers = self._callers_of(parameter)
            if not callers or len(sources) >= _MOST:
                return frozenset()
            sources[parameter] = callers
            todo.extend(source.parameter for source in callers if source.parameter)
        found: dict[_Parameter, frozenset[int]] = dict.fromkeys(sources, frozenset())
        changed = True
        while changed:
            changed = False
            for parameter, callers in sources.items():
                reached = found[parameter].union(*(self._reached(source, found) for source in callers))
                changed |= reached != found[parameter]
                found[parameter] = reached
        return found[wanted]

    def _reached(self, source: _Source, found: dict[_Parameter, frozenset[int]]) -> frozenset[int]:
        return self._read(source, found[source.parameter]) if source.parameter else source.numbers

    def _callers_of(self, parameter: _Parameter) -> tuple[_Source, ...] | None:
        """What is passed at each call; None when that is not known of one of them, or nobody calls."""
        if parameter not in self._callers:
            calls = [call for call in self._calls_of(parameter.entry) if self._is_call(call)]
            passed = [self._source(call, parameter.register) for call in calls]
            known = tuple(source for source in passed if source is not None)
            self._callers[parameter] = known if len(known) == len(passed) else None
        return self._callers[parameter]

    def _is_call(self, call: int) -> bool:
        """Not when the bytes of a call are only part of another instruction there."""
        function = self._code.functions.at(call)
        known = self._starts_of(function) if function else None
        return known is None or call in known

    def _starts_of(self, function: Function) -> frozenset[int] | None:
        """Where its instructions begin; None when its bytes are not all instructions."""
        if function.entry not in self._starts:
            code = self._code.read(function.entry, function.end - function.entry)
            self._starts[function.entry] = self._starts_in(code, function.entry)
        return self._starts[function.entry]

    def _read(self, source: _Source, dictionaries: frozenset[int]) -> frozenset[int]:
        if source.offset is None:
            return dictionaries
        return self._words({dictionary + source.offset for dictionary in dictionaries})

    def _words(self, addresses: Iterable[int]) -> frozenset[int]:
        try:
            return frozenset(int.from_bytes(self._code.read(address, 8), "little") for address in addresses)
        except ValueError:
            return frozenset()
