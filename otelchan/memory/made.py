"""Objects that are made of columns when somebody asks for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

import numpy as np

from otelchan.memory.rows import Indices

T = TypeVar("T")


class Made(Generic[T]):
    """The objects that were asked for, by serial number, in a line of censuses each of which takes over from the one
    before: what has not changed has kept its number, and is the same object. A number is given out once."""

    def __init__(self, objects: Iterable[T] = ()) -> None:
        self._objects = dict(enumerate(objects))
        self._given = len(self._objects)

    def serials(self, count: int) -> Indices:
        """So many new numbers."""
        self._given += count
        return np.arange(self._given - count, self._given)

    def keep(self, serials: Indices) -> None:
        """Forget the objects with other numbers; they are made again when they are asked for again."""
        if self._objects:
            wanted = set(serials.tolist())
            self._objects = {serial: made for serial, made in self._objects.items() if serial in wanted}

    def of(self, serials: Indices, make: Callable[[Indices], Iterable[T]]) -> list[T]:
        """The objects with these numbers. make: those of them, by their place here, that are not there yet."""
        wanted, known = serials.tolist(), self._objects
        missing = [place for place, serial in enumerate(wanted) if serial not in known]
        if missing:
            for place, made in zip(missing, make(np.array(missing)), strict=True):
                known[wanted[place]] = made
        return [known[serial] for serial in wanted]
