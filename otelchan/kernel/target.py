"""What the kernel side is told about a program before a probe of it can mean anything."""

from __future__ import annotations

import numpy as np

from otelchan.gobinary.types import GoImage
from otelchan.kernel.types import TARGET

_OFFSETS = {
    "g_goid": "g.goid",
    "g_param": "g.param",
    "g_waitreason": "g.waitreason",
    "g_stack_hi": "g.stack.hi",
    "g_sched_sp": "g.sched.sp",
    "g_sched_pc": "g.sched.pc",
    "g_sched_bp": "g.sched.bp",
    "sudog_c": "sudog.c",
    "sudog_is_select": "sudog.isSelect",
    "hchan_lock": "hchan.lock",
    "hchan_closed": "hchan.closed",
    "hchan_qcount": "hchan.qcount",
}


def target_entry(image: GoImage, bias: int) -> np.ndarray:
    """What the kernel side must know about a program: its layout, and where two functions are."""
    entry = np.zeros((), TARGET)
    for field, function in (("selectgo", "runtime.selectgo"), ("reflect", "reflect.makechan")):
        found = image.functions.find(function)
        if found:
            entry[f"{field}_low"], entry[f"{field}_high"] = found.entry + bias, found.end + bias
    for field, name in _OFFSETS.items():
        entry[field] = image.layout[name]
    return entry
