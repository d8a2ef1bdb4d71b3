"""Which functions use channels that have no name yet."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

from otelchan.gobinary.types import GoImage
from otelchan.memory.types import Census, Goroutines
from otelchan.model.stacks import frames_at, user_site

_MOST_USED = 100_000  # channels without a name


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
