"""What was made of the very same things as the last time is not made anew.

Goroutines and channels of very large programs are looked at seldom, so in most rounds they are those of the round
before. Whatever follows from them alone costs much to make and next to nothing to keep.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """The last thing that was made, and what it was made of, which nobody may change."""

    def __init__(self) -> None:
        self._made: tuple[T] | None = None
        self._same: tuple[object, ...] = ()
        self._equal: object = None

    def of(self, make: Callable[[], T], *same: object, equal: object = None) -> T:
        """What `make` makes of these things. same: must be the same objects as then. equal: may be a copy."""
        if self._made is None or not self._is(same) or self._equal != equal:
            self._made, self._same, self._equal = (make(),), same, equal
        return self._made[0]

    def forget(self) -> None:
        """It depends on more than that."""
        self._made, self._same, self._equal = None, (), None

    def _is(self, same: tuple[object, ...]) -> bool:
        return len(same) == len(self._same) and all(a is b for a, b in zip(same, self._same, strict=True))
