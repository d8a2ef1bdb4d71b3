"""Which functions are called from one place only, so that whatever they make is made for that place.

That is told of plain functions: a method may be called through an interface, and a closure through its variable. And
only where no word of data has the function's address, as the value of a variable that it is called through would, and
no jump goes there. Source: a function value points to a word that holds the address of the code, `main.f·f`, in the
read-only data; src/cmd/compile/internal/staticdata/data.go (FuncLinksym).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from otelchan.gobinary.calls import CALL_SIZE, Calls, starts
from otelchan.gobinary.code import CodeView
from otelchan.gobinary.elf import Elf
from otelchan.gobinary.types import MakeSite

_MOST_CALLERS = 6  # OC_SKIP_DEPTH in bpf/otelchan.h
_PLAIN = re.compile(r"(?:[^()\[]*/)?[^()/.\[]+\.[^()/.\[]+(?:\[.*\])?")  # "path/pkg.Func", "pkg.Func[...]"
_JUMP = 0xE9
_CHUNK = 1 << 22


def with_callers(elf: Elf, code: CodeView, sites: Collection[MakeSite]) -> tuple[MakeSite, ...]:
    """The same makes, each with its callers, see MakeSite. For amd64."""
    sole = _sole_calls(code, Calls(code), {site.return_address for site in sites})
    taken = _referred_to(elf, code, set(sole)) if sole else set()
    return tuple(site._replace(callers=tuple(_chain(code, sole, taken, site.return_address))) for site in sites)


def _chain(code: CodeView, sole: dict[int, int], taken: Collection[int], address: int) -> Iterator[int]:
    for _ in range(_MOST_CALLERS):
        function = code.functions.at(address - 1)
        if function is None or function.entry not in sole or function.entry in taken:
            return
        address = sole[function.entry]
        yield address


def _sole_calls(code: CodeView, calls: Calls, addresses: Iterable[int]) -> dict[int, int]:
    """By entry, the return address of the only call of the functions at these addresses, and of their only callers."""
    sole: dict[int, int] = {}
    todo = list(addresses)
    for _ in range(_MOST_CALLERS):
        entries = {f.entry for a in todo if (f := code.functions.at(a - 1)) and _is_plain(f.name)} - sole.keys()
        todo = []
        for entry in entries:
            found = calls.of(entry)
            if len(found) == 1 and _is_instruction(code, found[0]):  # what only looks like one counts as another
                sole[entry] = found[0] + CALL_SIZE
                todo.append(sole[entry])
    return sole


def _is_plain(name: str) -> bool:
    return _PLAIN.fullmatch(name) is not None


def _is_instruction(code: CodeView, call: int) -> bool:
    function = code.functions.at(call)
    known = starts(code.read(function.entry, function.end - function.entry), function.entry) if function else None
    return known is not None and call in known


def _referred_to(elf: Elf, code: CodeView, entries: set[int]) -> set[int]:
    """Those of these functions whose address is in the data, or that others jump to."""
    wanted = np.array(sorted(entries), np.uint64)
    found: set[int] = set()
    for segment in elf.segments:
        for start in range(0, segment.file_size, _CHUNK):
            address = segment.address + start
            data = code.read(address, min(_CHUNK + CALL_SIZE - 1, segment.file_size - start))
            if segment.executable:
                found.update(_jumped_to(code, data, address, wanted))
            else:
                words = np.frombuffer(data, "<u8", len(data) // 8)
                found.update(words[_among(words, wanted)].tolist())
    return found


def _among(values: NDArray[np.uint64], wanted: NDArray[np.uint64]) -> NDArray[np.intp]:
    """Where there is one of those wanted, which are sorted. Most values are far from all of them."""
    near = np.flatnonzero((values >= wanted[0]) & (values <= wanted[-1]))
    return near[np.isin(values[near], wanted)]


def _jumped_to(code: CodeView, data: bytes, address: int, wanted: NDArray[np.uint64]) -> Iterator[int]:
    """Targets of jumps in a piece of text, and of what only looks like one; but of its own, which every function jumps
    to when its stack has grown."""
    text = np.frombuffer(data, np.uint8)
    at = np.flatnonzero(text[: max(len(text) - CALL_SIZE + 1, 0)] == _JUMP)
    distance = np.zeros(len(at), np.uint32)
    for byte in range(4):
        distance |= text[at + 1 + byte].astype(np.uint32) << np.uint32(8 * byte)
    targets = (at + (address + CALL_SIZE) + distance.view(np.int32)).astype(np.uint64)
    for place in _among(targets, wanted):
        function = code.functions.at(address + int(at[place]))
        if function is None or function.entry != int(targets[place]):
            yield int(targets[place])
