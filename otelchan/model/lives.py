"""What the live channels are: of very many, most are what they were at the last look."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from otelchan.kernel.types import UNNAMED
from otelchan.memory.types import Channel, ChannelMap, Indices, Mask, Words
from otelchan.model.addresses import ByAddress
from otelchan.model.channels import Live, Resolved
from otelchan.model.kinds import SIGNALS
from otelchan.model.observation import Observation

_AT_A_TIME = 10_000  # channels that are made objects of
_MOST_ASKED = 100  # channels at each look, in a program of which nothing else changes
_SAME = [0, 2, 3, 8]  # of memory.chancolumns.CHANNEL_COLUMNS: address, capacity, size and type of an element

Resolve = Callable[[int, Channel | None], Resolved]
Notice = Callable[[Words, Words], None]
Settle = Callable[[Resolved, int], Resolved]


class _Last(NamedTuple):
    """One row per channel that need not be asked for again, by ascending address. rows: of _SAME."""

    rows: Words
    key: Words
    what: Indices
    different: list[Resolved]


class _Given(NamedTuple):
    """What a look was given, and what came of it. rows: of _SAME. key: of each of them. asked: key, address and answer
    of those that must be asked for again."""

    numbers: Words
    rows: Words
    key: Words
    live: Live
    asked: list[tuple[int, int, Resolved]]

    def stands(self, rows: Words, key: Words, known: Mapping[int, Resolved], settle: Settle) -> bool:
        """Whether a look at these has the same result. The arguments are those of Lives.of."""
        same_rows = rows is self.rows or np.array_equal(rows, self.rows)
        if not same_rows or not np.array_equal(key, self.key):
            return False
        now = [known.get(key) for key, _, _ in self.asked]
        return all(
            each is not None and each.final and settle(each, address) == answer
            for each, (_, address, answer) in zip(now, self.asked, strict=True)
        )


class Lives:
    """Of one program. Remembers as much as there are live channels."""

    def __init__(self) -> None:
        self._last = _Last(np.zeros((0, len(_SAME)), np.uint64), np.zeros(0, np.uint64), np.zeros(0, np.int64), [])
        self._given: _Given | None = None

    def forget(self) -> None:
        """Names are others now."""
        self.__init__()  # type: ignore[misc]

    def of(
        self, seen: Observation, known: Mapping[int, Resolved], resolve: Resolve, notice: Notice, settle: Settle
    ) -> Live:
        """Every live channel: the very same object as long as nothing of it changes. known: what name keys stand for.
        resolve: asks for a key, of a channel. notice: is told of name keys and addresses of those that are to be asked
        for, before they are. settle: what a channel of signals is, at its address."""
        every = ChannelMap.of(seen.channels)
        numbers, given = every.numbers(), self._given
        rows = given.rows if given and given.numbers is numbers else numbers[:, _SAME]
        address = rows[:, 0]
        keys = ByAddress.of(seen.kernel.keys).numbers(address, address | np.uint64(UNNAMED))
        if given and given.stands(rows, keys, known, settle):
            self._given = given._replace(numbers=numbers)
            return given.live
        what, again = self._again(rows, keys)
        different = list(self._last.different)
        fresh = np.flatnonzero(~again)
        found = [known.get(key) for key in keys[fresh].tolist()]
        open_ = np.array([what is None or not what.final for what in found], np.bool_)
        notice(keys[fresh[open_]], address[fresh[open_]])
        asked = np.flatnonzero(open_)
        for part in (asked[start : start + _AT_A_TIME] for start in range(0, len(asked), _AT_A_TIME)):
            places = fresh[part]
            channels = every.many(address[places].tolist())
            for place, key, channel in zip(part.tolist(), keys[places].tolist(), channels, strict=True):
                found[place] = resolve(key, channel)
        number: dict[int, int] = {id(each): place for place, each in enumerate(different)}
        for place, each in zip(fresh.tolist(), found, strict=True):
            assert each is not None
            if each.element_type == SIGNALS:
                each = settle(each, int(address[place]))
            what[place] = at = number.setdefault(id(each), len(different))
            if at == len(different):
                different.append(each)
        what, different = _in_order(what, different)
        self._keep(rows, keys, what, different)
        live = Live(address, keys, what, different)
        asked = np.flatnonzero(~_settled(different)[what]) if len(what) else what
        some = asked[:_MOST_ASKED].tolist()
        answers = [(int(keys[place]), int(address[place]), different[what[place]]) for place in some]
        self._given = _Given(numbers, rows, keys, live, answers) if len(answers) == len(asked) else None
        return live

    def _again(self, rows: Words, keys: Words) -> tuple[Indices, Mask]:
        """Of each channel what it was, and whether it is the same as then."""
        what, last = np.zeros(len(rows), np.int64), self._last
        if not len(last.key):
            return what, np.zeros(len(rows), np.bool_)
        place = np.minimum(np.searchsorted(last.rows[:, 0], rows[:, 0]), len(last.key) - 1)
        again: Mask = (last.rows[place] == rows).all(axis=1) & (last.key[place] == keys)
        what[again] = last.what[place[again]]
        return what, again

    def _keep(self, rows: Words, keys: Words, what: Indices, different: list[Resolved]) -> None:
        """Signals are told of by os/signal, each time anew."""
        kept = np.flatnonzero(_settled(different)[what]) if len(what) else what
        order = kept[np.argsort(rows[kept, 0], kind="stable")]
        if np.array_equal(order, np.arange(len(rows))):  # all of them, as they are: nothing is copied
            self._last = _Last(rows, keys, what, different)
            return
        self._last = _Last(rows[order], keys[order], what[order], different)


def _settled(different: list[Resolved]) -> Mask:
    """Which of these need not be asked for again."""
    return np.array([each.final and each.element_type != SIGNALS for each in different], np.bool_)


def _in_order(what: Indices, different: list[Resolved]) -> tuple[Indices, list[Resolved]]:
    """The same, with only those that there are, in the order in which they first come."""
    first = np.full(len(different), len(what), np.int64)
    first[what[::-1]] = np.arange(len(what))[::-1]
    order = np.argsort(first, kind="stable")[: int(np.count_nonzero(first < len(what)))]
    number = np.zeros(len(different), np.int64)
    number[order] = np.arange(len(order))
    return number[what], [different[place] for place in order.tolist()]
