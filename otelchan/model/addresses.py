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
        self.address, self.number = address[order], number[order]

    @classmethod
    def of(cls, numbers: Mapping[int, int]) -> ByAddress:
        """From any mapping, unless it is one of these already."""
        if isinstance(numbers, ByAddress):
            return numbers
        return cls(*(np.fromiter(column, np.uint64, len(numbers)) for column in (numbers, numbers.values())))

    def __getitem__(self, address: int) -> int:
        place = int(np.searchsorted(self.address, np.uint64(address)))
        if place == len(self.address) or self.address[place] != address:
            raise KeyError(address)
        return int(self.number[place])

    def __iter__(self) -> Iterator[int]:
        return iter(self.address.tolist())

    def __len__(self) -> int:
        return len(self.address)

    def items(self) -> ItemsView[int, int]:
        """As a dict's; made when it is asked for."""
        return dict(zip(self.address.tolist(), self.number.tolist(), strict=True)).items()

    def numbers(self, address: Words, others: Words) -> Words:
        """The number of each of these addresses; where there is none, what `others` has in its place."""
        if not len(self.address):
            return others
        place = np.minimum(np.searchsorted(self.address, address), len(self.address) - 1)
        found: Words = np.where(self.address[place] == address, self.number[place], others)
        return found


def numbers_of(known: Mapping[int, int], addresses: Sequence[int], others: Words) -> list[int]:
    """As ByAddress.numbers, of any mapping."""
    if isinstance(known, ByAddress):
        return list(known.numbers(np.array(addresses, np.uint64), others).tolist())
    return [known.get(address, other) for address, other in zip(addresses, others.tolist(), strict=True)]
