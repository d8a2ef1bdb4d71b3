"""Which look at a program a record belongs to.

Between two looks the kernel side sends what is longer than what it has sent already (bpf/waits.h, oc_send_span); so a
look must have exactly the blocks of its round, or the next one lacks its longest.
"""

from __future__ import annotations

from otelchan.kernel.types import BlockRecord, PanicRecord

_NONE = -1


class Rounds:
    """Keeps back what comes from the first block on of a round that has only just begun: all stays in its order."""

    def __init__(self) -> None:
        self._next = _NONE
        self._early: list[BlockRecord | PanicRecord] = []

    def turn(self, number: int) -> None:
        """Round `number` has begun; the blocks of the ones before are taken now."""
        self._next = number

    def keeps(self, record: BlockRecord | PanicRecord) -> bool:
        """Whether it is for the next look, and so is kept until `take`."""
        begun = isinstance(record, BlockRecord) and record.round == self._next
        if not begun and not self._early:
            return False
        self._early.append(record)
        return True

    def take(self) -> list[BlockRecord | PanicRecord]:
        """What was kept: its round is the one that goes on now."""
        self._next = _NONE
        early, self._early = self._early, []
        return early
