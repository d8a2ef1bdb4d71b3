"""Goroutines: counts and ages by wait reason, and who is parked on which channel."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Mapping
from functools import lru_cache

from otelchan.gobinary.types import Frame, GoImage
from otelchan.memory.types import Census, Goroutine
from otelchan.model.stacks import user_frames
from otelchan.model.types import Age, Blocked, Counter, GoroutineView


class Created:
    """Goroutines created and exited since we came, from two numbers that are read without a probe."""

    def __init__(self) -> None:
        self._first: tuple[int, int] | None = None
        self._created = 0
        self._exited = 0

    def update(self, count: int, created: int) -> tuple[int, int]:
        """(created, exited) since the first call. Both are read from per-processor caches that may be torn while the
        program runs, so neither ever steps back."""
        if self._first is None:
            self._first = (count, created)
        first_count, first_created = self._first
        self._created = max(self._created, created - first_created)
        self._exited = max(self._exited, self._created - (count - first_count))
        return self._created, self._exited


def view(census: Census | None, ages: Mapping[int, Age], created: Created, since_unix_ns: int) -> GoroutineView:
    """Counts and the oldest wait, by wait reason; system goroutines are left out, as runtime.NumGoroutine does."""
    if census is None:
        return GoroutineView(0)
    blocked: Tally[str] = Tally()
    oldest: dict[str, Age] = {}
    for goroutine in census.goroutines:
        if goroutine.system or not goroutine.wait_reason:
            continue
        blocked[goroutine.wait_reason] += 1
        age = ages.get(goroutine.id)
        if age and (goroutine.wait_reason not in oldest or age.age_ns > oldest[goroutine.wait_reason].age_ns):
            oldest[goroutine.wait_reason] = age
    made, gone = created.update(census.counts.count, census.counts.created)
    return GoroutineView(
        census.counts.count, dict(blocked), oldest, Counter(made, since_unix_ns), Counter(gone, since_unix_ns)
    )


class Stacks:
    """Names stacks of one program. Thousands of goroutines share a handful of stacks, so answers are kept."""

    def __init__(self, image: GoImage) -> None:
        self.user_frames = lru_cache(maxsize=4096)(self._user_frames)
        self.creator = lru_cache(maxsize=4096)(self._creator)
        self._image = image

    def _user_frames(self, stack: tuple[int, ...]) -> tuple[Frame, ...]:
        return user_frames(frame for pc in stack for frame in self._image.functions.frames(pc))

    def _creator(self, created_at: int) -> Frame | None:
        frames = self._image.functions.frames(created_at) if created_at else ()
        return frames[0] if frames else None


def blocked(
    stacks: Stacks, census: Census, ages: Mapping[int, Age], name_of: Callable[[int], tuple[str, str]]
) -> tuple[Blocked, ...]:
    """One entry per goroutine and channel that it waits on. name_of: address -> (channel name, kind)."""
    found = []
    for goroutine in census.goroutines:
        if goroutine.system or not (goroutine.waits or _waits_for_ever(goroutine)):
            continue
        frames = stacks.user_frames(goroutine.stack)
        created_by = stacks.creator(goroutine.created_at)
        age = ages.get(goroutine.id, Age(0, at_least=True))
        for address, operation in goroutine.waits or ((0, ""),):
            name, kind = name_of(address)
            found.append(
                Blocked(goroutine.id, name, address, kind, operation, goroutine.wait_reason, age, frames, created_by)
            )
    return tuple(found)


def _waits_for_ever(goroutine: Goroutine) -> bool:
    return "nil chan" in goroutine.wait_reason or goroutine.wait_reason == "select (no cases)"
