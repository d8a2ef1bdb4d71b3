"""The workload `growth`, driven line by line, and what an agent has written about it into a file of OTLP JSON lines."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from tests.support.driven import Driven, driven


class Growth(Driven):
    """A running growth. Every answer is a number, see its source."""

    def tell(self, word: str, number: int) -> int:
        """Have it do something so many times; what it says."""
        return int(self.ask(f"{word} {number}"))


def growth(binary: Path, processors: int = 2) -> AbstractContextManager[Growth]:
    """One that is READY, on so many processors; it ends with the block."""
    return driven(Growth, binary, processors)


def counted(lines: Path) -> dict[str, int]:
    """Elements passed by operation, over all channels: the largest value of each series of channel.process."""
    largest: Counter[tuple[tuple[str, str], ...]] = Counter()
    for name, labels, value in values(lines):
        if name == "channel.process" and labels["channel.status"] == "ok":
            key = tuple(sorted(labels.items()))
            largest[key] = max(largest[key], int(value))
    sums: Counter[str] = Counter()
    for key, value in largest.items():
        sums[dict(key)["channel.operation"]] += value
    return dict(sums)


def newest(lines: Path, name: str) -> dict[str, int]:
    """The last values of a metric, by its attributes' values."""
    return {" ".join(labels.values()): int(value) for found, labels, value in values(lines) if found == name}


def values(lines: Path) -> Iterator[tuple[str, dict[str, str], float]]:
    """Name, attributes and value of every point; of a histogram the sum."""
    if not lines.exists():
        return
    for line in lines.read_text().splitlines():
        for of_resource in json.loads(line).get("resourceMetrics", []):
            for metric in (metric for scope in of_resource["scopeMetrics"] for metric in scope["metrics"]):
                for kind in ("gauge", "sum", "histogram"):
                    for point in metric.get(kind, {}).get("dataPoints", []):
                        if not int(point.get("flags", 0)):
                            yield metric["name"], _labels(point), _value(point)


def _labels(point: dict[str, Any]) -> dict[str, str]:
    return {item["key"]: str(item["value"].get("stringValue", "")) for item in point.get("attributes", [])}


def _value(point: dict[str, Any]) -> float:
    return float(point.get("asInt", point.get("asDouble", point.get("sum", 0))))


def resident_mb(pid: int) -> tuple[int, int]:
    """What a process has in memory now, and the most that it has had."""
    rows = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(rows["VmRSS"].split()[0]) // 1024, int(rows["VmHWM"].split()[0]) // 1024


def maps_of(pid: int) -> list[dict[str, int]]:
    """What the kernel says of the BPF maps that a process has open."""
    found = []
    for entry in os.scandir(f"/proc/{pid}/fdinfo"):
        rows = dict(re.findall(r"^(\w+):\t(\d+)$", Path(entry.path).read_text(), re.M))
        if "map_type" in rows:
            found.append({key: int(rows[key]) for key in ("map_type", "value_size", "max_entries", "memlock")})
    return sorted(found, key=lambda each: tuple(each.values()))
