"""channel.name: low in cardinality, and the same over restarts and replicas of one binary.

The best evidence wins: the make was seen ("make"), the only make in the code that fits its element type and capacity
("code"), else its type and a function that uses it ("use").
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import PurePosixPath
from typing import NamedTuple

from otelchan.gobinary.types import Frame, GoImage, MakeSite
from otelchan.memory.types import Census, Channel
from otelchan.model.stacks import user_site

_KINDS = {"time": "timer", "context": "context", "os/signal": "signal", "runtime": "runtime"}


class Name(NamedTuple):
    """source: "make", "code" or "use". kind: "user", "timer", "context", "signal", "runtime"."""

    name: str
    source: str
    kind: str


def package_of(function: str) -> str:
    """The import path in a Go function name: "os/signal" of "os/signal.Notify"."""
    directory, slash, rest = function.rpartition("/")
    return directory + slash + rest.partition(".")[0]


def site_name(frame: Frame) -> str:
    """`pkg.Func file.go:line`."""
    return f"{frame.function} {PurePosixPath(frame.file).name}:{frame.line}"


class Namer:
    """Names the channels of one executable. Addresses are link-time addresses."""

    def __init__(self, image: GoImage) -> None:
        self._image = image
        self._by_type: dict[int, list[MakeSite]] = {}
        for site in image.make_sites:
            self._by_type.setdefault(site.element_type, []).append(site)
        self.made_at = lru_cache(maxsize=65536)(self._made_at)

    def _made_at(self, return_address: int) -> Name | None:
        frames = self._image.functions.frames(return_address)
        if not frames:
            return None
        return Name(site_name(frames[0]), "make", _KINDS.get(package_of(frames[0].function), "user"))

    def from_code(self, channel: Channel) -> Name | None:
        """The one place in the code that can have made it, or None when several can."""
        if not channel.element_type_address:
            return None
        sites = self._by_type.get(channel.element_type_address, ())
        fits = {self.made_at(s.return_address) for s in sites if s.capacity in (channel.capacity, -1)}
        fits.discard(None)
        if len(fits) != 1:
            return None
        name = fits.pop()
        assert name is not None
        return name._replace(source="code")

    def from_use(self, channel: Channel, users: Iterable[str]) -> Name:
        """Its type and, of the functions that wait on it, the one that sorts first."""
        function = min(users, default="")
        kind = "timer" if channel.timer else "user"
        return Name(f"chan {channel.element_type} {function}".rstrip(), "use", kind)

    def unseen(self, channel: Channel, users: Iterable[str]) -> Name:
        """The name of a channel whose make was not seen."""
        return self.from_code(channel) or self.from_use(channel, users)

    def capacity_is_zero(self, return_address: int) -> bool | None:
        """What the code says about the capacity made there: True unbuffered, False buffered, None unknown."""
        for site in self._image.make_sites:
            if site.return_address == return_address:
                return None if site.capacity < 0 else site.capacity == 0
        return None


def users_of(image: GoImage, census: Census) -> dict[int, set[str]]:
    """For each channel somebody is parked on, the functions that do: receivers, or senders where nobody receives."""
    receiving: dict[int, set[str]] = {}
    sending: dict[int, set[str]] = {}
    for goroutine in census.goroutines:
        if not goroutine.waits:
            continue
        site = user_site([frame for pc in goroutine.stack for frame in image.functions.frames(pc)])
        if site is None:
            continue
        for wait in goroutine.waits:
            side = receiving if wait.operation == "recv" else sending
            side.setdefault(wait.channel, set()).add(site.function)
    return {**sending, **receiving}


def names_for_census(image: GoImage, census: Census) -> dict[int, tuple[str, str]]:
    """(name, source) of every channel in a census, by address, from the code and from who waits on it."""
    namer = Namer(image)
    users = users_of(image, census)
    named = {channel.address: namer.unseen(channel, users.get(channel.address, ())) for channel in census.channels}
    return {address: (name.name, name.source) for address, name in named.items()}
