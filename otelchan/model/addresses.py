"""What the kernel side knows by address, of very many channels: as two columns, since a dict of them takes ten times as
much memory.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping, Sequence

import numpy as np

from otelchan.memory.types import Words


class ByAddress(Mapping[int, int]):
    """A number for each address."""

    def __init__(self, address: Words, number: Words) -> None:
        order = np.argsort(address)
        self._address, self._number = address[order], number[order]

    def __getitem__(self, address: int) -> int:
        place = int(np.searchsorted(self._address, np.uint64(address)))
        if place == len(self._address) or self._address[place] != address:
            raise KeyError(address)
        return int(self._number[place])

    def __iter__(self) -> Iterator[int]:
        return iter(self._address.tolist())

    def __len__(self) -> int:
        return len(self._address)

    def items(self) -> ItemsView[int, int]:
        """As a dict's; made when it is asked for."""
        return dict(zip(self._address.tolist(), self._number.tolist(), strict=True)).items()

    def many(self, address: Words, others: Words) -> list[int]:
        """The number of each of these addresses; where there is none, what `others` has in its place."""
        if not len(self._address):
            return list(others.tolist())
        place = np.minimum(np.searchsorted(self._address, address), len(self._address) - 1)
        return list(np.where(self._address[place] == address, self._number[place], others).tolist())


def numbers_of(known: Mapping[int, int], addresses: Sequence[int], others: Words) -> list[int]:
    """As ByAddress.many, of any mapping."""
    if isinstance(known, ByAddress):
        return known.many(np.array(addresses, np.uint64), others)
    return [known.get(address, other) for address, other in zip(addresses, others.tolist(), strict=True)]
