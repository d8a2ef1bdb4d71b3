"""What the kernel side is told about a program before a probe of it can mean anything."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from otelchan.gobinary.types import CHANNEL_FUNCTIONS, REFLECTED, REFLECTED_SEND, GoImage
from otelchan.kernel.entry import ABSENT, TARGET

_OFFSETS = {
    "g_goid": "g.goid",
    "g_param": "g.param",
    "g_waitreason": "g.waitreason",
    "g_stack_hi": "g.stack.hi",
    "g_sched_sp": "g.sched.sp",
    "g_sched_pc": "g.sched.pc",
    "g_sched_bp": "g.sched.bp",
    "g_labels": "g.labels",
    "sudog_c": "sudog.c",
    "sudog_is_select": "sudog.isSelect",
    "hchan_lock": "hchan.lock",
    "hchan_closed": "hchan.closed",
    "hchan_qcount": "hchan.qcount",
}


_PASSING_ON = ("reflect.makechan", "reflect.MakeChan", "runtime.makechan64")


def target_entry(image: GoImage, bias: int) -> np.ndarray:
    """What the kernel side must know about a program: its layout, where functions are, what names no channel."""
    entry = np.zeros((), TARGET)
    for field, function in (("selectgo", "runtime.selectgo"), ("reflect_close", "reflect.chanclose")):
        found = image.functions.find(function)
        if found:
            entry[f"{field}_low"], entry[f"{field}_high"] = found.entry + bias, found.end + bias
    for field, (low, high) in zip(("runtime", "reflect"), between(image), strict=True):
        entry[f"{field}_low"], entry[f"{field}_high"] = low + bias, high + bias
    passing_on = [image.functions.find(name) for name in _PASSING_ON]
    set_skips(entry, [(function.entry + 1, function.end + 1) for function in passing_on if function], bias)
    for field, name in _OFFSETS.items():
        entry[field] = image.layout[name]
    parent = image.layout.get("g.parentGoid")
    reasons = {text: number for number, text in image.layout.wait_reasons.items()}
    entry["reason_send"] = reasons.get("chan send", ABSENT)
    entry["label_form"] = image.layout.labels
    entry["g_parent"] = ABSENT if parent is None else parent
    return entry


def between(image: GoImage) -> tuple[tuple[int, int], tuple[int, int]]:
    """Where the runtime's and reflection's code is that executes between a person's and a channel operation.

    Link-time addresses [low, high); empty when the executable has none of it.
    """
    if image.functions.find("reflect.chansend0"):
        return _span(image, CHANNEL_FUNCTIONS), _span(image, (*REFLECTED, REFLECTED_SEND))
    return _span(image, (*CHANNEL_FUNCTIONS, REFLECTED_SEND)), _span(image, REFLECTED)


def _span(image: GoImage, names: Sequence[str]) -> tuple[int, int]:
    found = [function for function in map(image.functions.find, names) if function]
    return min((f.entry for f in found), default=0), max((f.end for f in found), default=0)


def set_skips(entry: np.ndarray, ranges: Sequence[tuple[int, int]], bias: int) -> None:
    """Channels that are made at return addresses in these ranges, [low, high), are named by a caller further out.

    Link-time addresses; SKIPS ranges at most.
    """
    entry["skips"] = len(ranges)
    for place, (low, high) in enumerate(ranges):
        entry["skip_low"][place], entry["skip_high"][place] = low + bias, high + bias


def moved(entry: np.ndarray, bias: int) -> np.ndarray:
    """The same entry for a process that was loaded so much further up: as oc_move of bpf/processes.h."""
    there = entry.copy()
    for name in there.dtype.names or ():
        if name.endswith(("_low", "_high")):
            there[name] += np.uint64(bias)
    return there
