"""channel.name: low in cardinality, and the same over restarts and replicas of one binary.

The best evidence wins: the make was seen ("make"), the only make in the code that fits its element type and capacity
("code"), else its type and a function that uses it ("use"). What the user calls a channel goes before them ("alias").
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from otelchan.gobinary.types import GoImage, MakeSite
from otelchan.memory.types import Census, Channel
from otelchan.model.aliases import Rules, package_of
from otelchan.model.kinds import kind_of, kind_of_maker
from otelchan.model.uses import Uses

__all__ = ["Name", "Namer", "Rules", "Uses", "names_for_census", "package_of"]


class Name(NamedTuple):
    """source: "make", "code", "use" or "alias". kind: "user", "timer", "ticker", "context", "signal", "runtime".

    "timer" may also be a ticker, where it cannot be told. name: "" for a place that says nothing, see Namer.candidates.
    """

    name: str
    source: str
    kind: str


class Namer:
    """Names the channels of one executable. Addresses are link-time addresses."""

    def __init__(self, image: GoImage, rules: Rules | None = None) -> None:
        self._image = image
        self._rules = rules or Rules()
        self._by_type: dict[int, list[MakeSite]] = {}
        for site in image.make_sites:
            self._by_type.setdefault(site.element_type, []).append(site)
        self._place = lru_cache(maxsize=65536)(self._place_of)
        self._fitting = lru_cache(maxsize=4096)(self._made_like)

    def made_at(self, return_address: int, element_type: str = "") -> Name | None:
        """The name of what is made there. element_type: "" when it is not known."""
        place = self._place(return_address)
        return self._aliased(place, element_type) if place else None

    def made(self, return_address: int, channel: Channel) -> Name | None:
        """The name of a channel that was seen being made there."""
        name = self.made_at(return_address, channel.element_type)
        return name._replace(kind=kind_of(channel, {name.kind})) if name else None

    def _aliased(self, name: Name, element_type: str) -> Name:
        alias = self._rules.alias(name.name, element_type)
        return name._replace(name=alias, source="alias") if alias else name

    def _place_of(self, return_address: int) -> Name | None:
        """The innermost line that is not passed over; the outermost where all are."""
        frames = self._image.functions.frames(return_address)
        if not frames:
            return None
        shown = next((frame for frame in frames if not self._rules.skips(frame.function)), frames[-1])
        return Name(shown.place, "make", kind_of_maker(frames[0].function))

    def from_code(self, channel: Channel) -> Name | None:
        """The one place in the code that can have made it, or the alias that all such places have; else None."""
        fits = self.candidates(channel)
        if not fits or channel.element_type_address == 0 or self._image.functions.plugins:  # made in a plugin, perhaps
            return None
        kind = kind_of(channel, {name.kind for name in fits})
        aliases = {self._rules.alias(name.name, channel.element_type) for name in fits}
        alias = aliases.pop() if len(aliases) == 1 else ""
        if alias:
            return Name(alias, "alias", kind)
        places = {name.name for name in fits}
        return Name(places.pop(), "code", kind) if len(places) == 1 and "" not in places else None

    def from_use(self, channel: Channel, users: Iterable[str]) -> Name:
        """Its type and, of the functions that use it, the one that sorts first; or an alias for its type."""
        function = min(users, default="")
        name = f"chan {channel.element_type} {function}".rstrip()
        kind = kind_of(channel, {name.kind for name in self.candidates(channel)})
        alias = self._rules.alias("", channel.element_type)
        return Name(alias, "alias", kind) if alias else Name(name, "use", kind)

    def unseen(self, channel: Channel, users: Iterable[str]) -> Name:
        """The name of a channel whose make was not seen."""
        return self.from_code(channel) or self.from_use(channel, users)

    def candidates(self, channel: Channel) -> frozenset[Name]:
        """Every place in the code that can have made it; a call that may make channels of any type is one.

        Where the place is in a function that makes channels for its callers, and these are not known, its name is "".
        """
        return self._fitting(channel.element_type_address, channel.capacity, channel.timer)

    def _made_like(self, element_type: int, capacity: int, timer: bool) -> frozenset[Name]:
        sites = self._by_type.get(element_type, []) + (self._by_type.get(0, []) if element_type else [])
        if timer:  # made with room for one, whatever cap() says; and newTimer, which marks them, is called nowhere else
            made = (self._from(site) for site in sites)
            return frozenset(name for name in made if name and name.kind in ("timer", "ticker"))
        made = (self._from(site) for site in sites if site.capacity in (capacity, -1))
        return frozenset(name for name in made if name)

    def _from(self, site: MakeSite) -> Name | None:
        """The name that the kernel side would give to what is made there."""
        place = self._place(site.return_address)
        if place is None:
            return None
        for address in (site.return_address, *site.callers):
            if not all(self._rules.skips(frame.function) for frame in self._image.functions.frames(address)):
                named = self._place(address)
                return place._replace(name=named.name) if named else None
        return place._replace(name="")

    def capacity_is_zero(self, return_address: int) -> bool | None:
        """What the code says about the capacity made there: True unbuffered, False buffered, None unknown."""
        for site in self._image.make_sites:
            if site.return_address == return_address:
                return None if site.capacity < 0 else site.capacity == 0
        return None


def names_for_census(image: GoImage, census: Census) -> dict[int, tuple[str, str]]:
    """(name, source) of every channel in a census, by address, from the code and from who waits on it."""
    namer, uses = Namer(image), Uses(image)
    uses.look(census)
    named = {channel.address: namer.unseen(channel, uses.of(channel.address)) for channel in census.channels}
    return {address: (name.name, name.source) for address, name in named.items()}
