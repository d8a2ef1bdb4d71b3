"""What a reader must know of the machine that figures come from. No names."""

from __future__ import annotations

import datetime
import os
import platform
from pathlib import Path
from typing import TypedDict

_CLOCK = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")


class Machine(TypedDict):
    """virtual: the processor says that there is a hypervisor. load_average: of the last minute, when it began."""

    date: str
    processor: str
    processors: int
    virtual: bool
    kernel: str
    clocksource: str
    python: str
    load_average: float


def describe() -> Machine:
    """This machine, now."""
    fields = processor_fields(Path("/proc/cpuinfo").read_text())
    return Machine(
        date=datetime.date.today().isoformat(),
        processor=processor_name(fields),
        processors=os.cpu_count() or 1,
        virtual="hypervisor" in fields.get("flags", "").split(),
        kernel=".".join(platform.release().split("-")[0].split(".")[:3]),
        clocksource=_CLOCK.read_text().strip() if _CLOCK.exists() else "unknown",
        python=platform.python_version(),
        load_average=round(os.getloadavg()[0], 2),
    )


def processor_fields(cpuinfo: str) -> dict[str, str]:
    """The first processor of /proc/cpuinfo."""
    first = cpuinfo.split("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def processor_name(fields: dict[str, str]) -> str:
    """The model, and its numbers, because a virtual machine may say only "AMD EPYC"."""
    numbers = ", ".join(f"{word} {fields[name]}" for word, name in _NUMBERS if name in fields)
    return f"{fields.get('model name', 'unknown')} ({numbers})" if numbers else fields.get("model name", "unknown")


_NUMBERS = (("family", "cpu family"), ("model", "model"), ("stepping", "stepping"))
