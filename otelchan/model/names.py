"""channel.name: low in cardinality, and the same over restarts and replicas of one binary.

The best evidence wins: the make was seen ("make"), the only make in the code that fits its element type and capacity
("code"), else its type and a function that uses it ("use").
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import NamedTuple

from otelchan.gobinary.types import GoImage, MakeSite
from otelchan.memory.types import Census, Channel, Goroutines
from otelchan.model.stacks import frames_at, user_site

_KINDS = {"time": "timer", "context": "context", "os/signal": "signal", "runtime": "runtime"}
_REFLECTION = "reflect."
_SIGNALS = "os.Signal"
_MOST_USED = 100_000  # channels without a name


class Name(NamedTuple):
    """source: "make", "code" or "use". kind: "user", "timer", "context", "signal", "runtime"."""

    name: str
    source: str
    kind: str


def package_of(function: str) -> str:
    """The import path in a Go function name: "os/signal" of "os/signal.Notify"."""
    directory, slash, rest = function.rpartition("/")
    return directory + slash + rest.partition(".")[0]


def _kind(channel: Channel, places: Collection[Name]) -> str:
    """From the channel itself, else from where it can have been made, when all these places make the same kind.

    Signals come through channels that anybody makes, but only to os.Signal; a timer's channel has no timer of its own
    where the program's go.mod asks for asynctimerchan=1.
    """
    if channel.timer:
        return "timer"
    if channel.element_type == _SIGNALS:
        return "signal"
    kinds = {name.kind for name in places}
    return kinds.pop() if len(kinds) == 1 else "user"


class Namer:
    """Names the channels of one executable. Addresses are link-time addresses."""

    def __init__(self, image: GoImage) -> None:
        self._image = image
        self._by_type: dict[int, list[MakeSite]] = {}
        for site in image.make_sites:
            self._by_type.setdefault(site.element_type, []).append(site)
        self.made_at = lru_cache(maxsize=65536)(self._made_at)
        self._fitting = lru_cache(maxsize=4096)(self._made_like)

    def _made_at(self, return_address: int) -> Name | None:
        frames = self._image.functions.frames(return_address)
        if not frames:
            return None
        return Name(frames[0].place, "make", _KINDS.get(package_of(frames[0].function), "user"))

    def made(self, return_address: int, channel: Channel) -> Name | None:
        """The name of a channel that was seen being made there."""
        name = self.made_at(return_address)
        return name._replace(kind=_kind(channel, {name})) if name else None

    def from_code(self, channel: Channel) -> Name | None:
        """The one place in the code that can have made it, or None when several can, or reflection."""
        fits = self.candidates(channel)
        if len(fits) != 1 or channel.element_type_address == 0:
            return None
        (name,) = fits
        if name.name.startswith(_REFLECTION):
            return None
        return name._replace(source="code", kind=_kind(channel, fits))

    def from_use(self, channel: Channel, users: Iterable[str]) -> Name:
        """Its type and, of the functions that use it, the one that sorts first."""
        function = min(users, default="")
        name = f"chan {channel.element_type} {function}".rstrip()
        return Name(name, "use", _kind(channel, self.candidates(channel)))

    def unseen(self, channel: Channel, users: Iterable[str]) -> Name:
        """The name of a channel whose make was not seen."""
        return self.from_code(channel) or self.from_use(channel, users)

    def candidates(self, channel: Channel) -> frozenset[Name]:
        """Every place in the code that can have made it; a call that may make channels of any type is one."""
        return self._fitting(channel.element_type_address, channel.capacity, channel.timer)

    def _made_like(self, element_type: int, capacity: int, timer: bool) -> frozenset[Name]:
        sites = self._by_type.get(element_type, []) + (self._by_type.get(0, []) if element_type else [])
        if timer:  # made with room for one, whatever cap() says; and newTimer, which marks them, is called nowhere else
            made = (self.made_at(site.return_address) for site in sites)
            return frozenset(name for name in made if name and name.kind == "timer")
        made = (self.made_at(site.return_address) for site in sites if site.capacity in (capacity, -1))
        return frozenset(name for name in made if name)

    def capacity_is_zero(self, return_address: int) -> bool | None:
        """What the code says about the capacity made there: True unbuffered, False buffered, None unknown."""
        for site in self._image.make_sites:
            if site.return_address == return_address:
                return None if site.capacity < 0 else site.capacity == 0
        return None


class Uses:
    """Which functions receive from channels that have no name yet, and which send to them.

    For each, what was seen from its first use until it is named, once: a name does not change while its channel lives.
    """

    def __init__(self, image: GoImage) -> None:
        self._image = image
        self._function = lru_cache(maxsize=4096)(self._function_of)
        self._receiving: dict[int, set[str]] = {}
        self._sending: dict[int, set[str]] = {}

    def _function_of(self, stack: tuple[int, ...]) -> str:
        """Thousands of goroutines share a handful of stacks."""
        site = user_site(list(frames_at(self._image, stack)))
        return site.function if site else ""

    def add(self, channel: int, operation: str, function: str) -> None:
        """A function sends to, or receives from, the channel at that address."""
        if function and channel:
            side = self._receiving if operation == "recv" else self._sending
            if len(side) < _MOST_USED or channel in side:
                side.setdefault(channel, set()).add(function)

    def look(self, census: Census, named: Collection[int] = ()) -> None:
        """All that are parked on channels now, those named left out."""
        for channel, operation, stack in Goroutines.of(census.goroutines).waited():
            if channel not in named:
                self.add(channel, operation, self._function(stack))

    def of(self, channel: int) -> set[str]:
        """Those that receive; those that send where nobody does."""
        return self._receiving.get(channel) or self._sending.get(channel) or set()

    def clear(self) -> None:
        """All that could be named have their names."""
        self._receiving.clear()
        self._sending.clear()


def names_for_census(image: GoImage, census: Census) -> dict[int, tuple[str, str]]:
    """(name, source) of every channel in a census, by address, from the code and from who waits on it."""
    namer, uses = Namer(image), Uses(image)
    uses.look(census)
    named = {channel.address: namer.unseen(channel, uses.of(channel.address)) for channel in census.channels}
    return {address: (name.name, name.source) for address, name in named.items()}
