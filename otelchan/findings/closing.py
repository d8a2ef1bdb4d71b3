"""What findings about closed channels have in common: who closed it, and whether it ever carried anything."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from otelchan.findings import words
from otelchan.model.types import ChannelName, ChannelView, LiveColumns

SIGNAL_TYPES = ("struct {}", "bool", "error", "interface {}")
"""Elements of channels that are often made to be closed only."""


def by_name(names: Sequence[ChannelName], columns: LiveColumns) -> dict[str, LiveColumns]:
    """These live channels, by name; a name of which there are none is no key."""
    order = np.argsort(columns.name, kind="stable")
    numbers, begins = np.unique(columns.name[order], return_index=True)
    rows: dict[str, list[NDArray[np.int64]]] = {}
    for number, of_number in zip(numbers.tolist(), np.split(order, begins[1:]), strict=bool(len(order))):
        rows.setdefault(names[number].name, []).append(of_number)
    return {name: columns.rows(np.concatenate(places)) for name, places in rows.items()}


def carries_data(view: ChannelView, live: LiveColumns) -> bool:
    """Whether elements are what the channel is for, and not only its close, as of a gate that is read for ever by
    design. live: the closed channels of that name.

    Something was sent, as far as was counted; or nobody knows what was sent before the agent came, and the type is
    none that gates have.
    """
    if _moved(view) or bool((live.sent > 0).any() or (live.received > 0).any()):
        return True
    proved = len(live.sent) > 0 and bool((live.sent == 0).all())  # since the make, and that is complete
    return not proved and bool(view.element_type) and view.element_type not in SIGNAL_TYPES


def _moved(view: ChannelView) -> bool:
    left = view.residue is not None and view.residue.value > 0
    return left or any(view.counted.get((operation, "ok")) for operation in ("send", "recv"))


def closer(view: ChannelView, now_ns: int) -> str:
    """ "main.stop main.go:80 closed 12 s ago"; goes on from "which"."""
    if not view.closed_unix_ns:
        return "was closed before that was watched"
    ago = words.duration(now_ns - view.closed_unix_ns)
    return f"{words.place(view.closed_by)} closed {ago} ago" if view.closed_by else f"was closed {ago} ago"


def named(view: ChannelView) -> str:
    """The channel as words say it."""
    return words.channel(view.name, view.source, view.element_type)


def times(number: int) -> str:
    """ "once", "7 times"."""
    return "once" if number == 1 else f"{number} times"
