"""Exemplars under a rate that is much too low: in what the real agent exports, every one leads to its span."""

from __future__ import annotations

import json
import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support.agent import agent
from tests.support.driven import Driven, driven

BLOCKS, LONGEST_MS = 2000, 1500
TOTAL = 40  # spans a second of all programs


class Exported(NamedTuple):
    """What was in the file at the end. Ids: trace and span. series: the points of each histogram, in order.

    counters: the agent's own.
    """

    spans: dict[str, Any]
    series: dict[str, list[Any]]
    counters: dict[str, int]

    @property
    def exemplars(self) -> dict[str, float]:
        """Values by id."""
        every = (e for shown in self.series.values() for point in shown for e in point.get("exemplars", []))
        return {e["traceId"] + e["spanId"]: e["asDouble"] for e in every}

    @property
    def blocks(self) -> int:
        """How many the histograms have counted."""
        return sum(int(shown[-1]["count"]) for shown in self.series.values())

    @property
    def marked(self) -> set[str]:
        """The spans that say that an exemplar points at them."""
        return {key for key, span in self.spans.items() if attributes(span).get("otelchan.exemplar")}


def attributes(thing: Any) -> dict[str, Any]:
    """Attributes of a span or a point, by key."""
    return {each["key"]: next(iter(each["value"].values())) for each in thing["attributes"]}


def points(lines: list[Any]) -> Iterator[tuple[str, str, Any]]:
    """Program, name and point of every metric, in order."""
    for resource in (r for line in lines for r in line.get("resourceMetrics", [])):
        program = attributes(resource["resource"])["service.instance.id"]
        for metric in (m for scope in resource["scopeMetrics"] for m in scope["metrics"]):
            data = next(metric[kind] for kind in ("gauge", "sum", "histogram") if kind in metric)
            yield from ((program, metric["name"], point) for point in data["dataPoints"])


def read(path: Path) -> Exported:
    """All of it; cumulative values as they were last."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    scopes = [s for line in lines for r in line.get("resourceSpans", []) for s in r["scopeSpans"]]
    spans = {span["traceId"] + span["spanId"]: span for scope in scopes for span in scope["spans"]}
    series: defaultdict[str, list[Any]] = defaultdict(list)
    counters: dict[str, int] = {}
    for program, name, point in points(lines):
        if name == "channel.block.duration" and not int(point.get("flags", 0)):
            series[program + json.dumps(point["attributes"])].append(point)
        if name in ("otelchan.span.sampled_out", "otelchan.event.lost"):
            reason = attributes(point).get("otelchan.reason", "") if "attributes" in point else ""
            counters[f"{name} {reason}".rstrip()] = int(point["asInt"])
    return Exported(spans, series, counters)


def buckets(point: Any) -> list[int]:
    """In each, the blocks so far."""
    return [int(count) for count in point["bucketCounts"]]


def buckets_of_exemplars(shown: list[Any]) -> set[int]:
    """Those of these points in which there is one."""
    every = ((e["asDouble"], point["explicitBounds"]) for point in shown for e in point.get("exemplars", []))
    return {bisect_left(bounds, value) for value, bounds in every}


def bare(shown: list[Any]) -> list[tuple[int, int]]:
    """Point and bucket where a bucket grew and no exemplar came, neither then nor, for what blocked while the program
    was looked at, with the next point."""
    found = []
    before = [0] * len(buckets(shown[0]))
    for number, point in enumerate(shown):
        has = buckets_of_exemplars(shown[number : number + 2])
        grew = [bucket for bucket, count in enumerate(buckets(point)) if count > before[bucket]]
        found += [(number, bucket) for bucket in grew if bucket not in has]
        before = buckets(point)
    return found


@pytest.mark.parametrize("rate", [0, 3])
def test_every_exemplar_has_its_span_however_low_the_rate(
    workload: Callable[..., Path], tmp_path: Path, rate: int
) -> None:
    """Each is exported and marked, and no other is marked; what else was over the rate is counted, to the unit; links
    lead to what was exported; every bucket has its exemplar whenever it grows, and the slowest block is among them."""
    config, out = tmp_path / "otelchan.yaml", tmp_path / "otlp.jsonl"
    config.write_text(
        f"interval_s: 0.4\nspan_threshold_ms: 0\nspans_per_second: {rate}\nmax_overhead: off\nongoing_span_s: off\n"
    )
    with (
        driven(Driven, workload("bursts", go="1.27.3"), processors=1) as program,
        agent(tmp_path / "log", program.pid, "--config", config, "--otlp-file", out) as running,
    ):
        running.wait_attached()
        answers = [program.ask(f"{shape} {BLOCKS} {LONGEST_MS}") for shape in ("rising", "random")]
    seen = read(out)

    assert len(seen.exemplars) > 15
    assert set(seen.exemplars) == seen.marked
    assert [[]] * len(seen.series) == [bare(shown) for shown in seen.series.values()]
    lost = {reason: number for reason, number in seen.counters.items() if number and "sampled_out" not in reason}
    assert {} == lost
    assert 2 * BLOCKS == seen.blocks
    assert 2 * BLOCKS == len(seen.spans) + seen.counters["otelchan.span.sampled_out"]
    links = {link["traceId"] + link["spanId"] for span in seen.spans.values() for link in span.get("links", [])}
    assert links <= set(seen.spans)
    assert (len(seen.spans) == len(seen.exemplars)) == (rate == 0)
    slowest_s = max(int(answer.split()[1]) for answer in answers) / 1e9
    assert slowest_s / 1.2 < max(seen.exemplars.values()) <= slowest_s


def test_all_programs_together_keep_to_their_rate(workload: Callable[..., Path], tmp_path: Path) -> None:
    """Two that might make a thousand a second each: what a second brings at once, told to both, and then the rate; the
    rest is of exemplars, or counted."""
    config, out = tmp_path / "otelchan.yaml", tmp_path / "otlp.jsonl"
    config.write_text(
        f"interval_s: 0.4\nspan_threshold_ms: 0\nspans_per_second: 1000\nspans_per_second_total: {TOTAL}\n"
        "max_overhead: off\nmax_overhead_node: off\nongoing_span_s: off\n"
    )
    binary = workload("bursts", go="1.27.3")
    with (
        driven(Driven, binary, processors=1) as first,
        driven(Driven, binary, processors=1) as second,
        agent(tmp_path / "log", first.pid, second.pid, "--config", config, "--otlp-file", out) as running,
    ):
        running.wait_attached(2)
        asking = [
            threading.Thread(target=program.ask, args=(f"random {BLOCKS} {LONGEST_MS}",)) for program in (first, second)
        ]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()
    seen = read(out)

    ends = sorted(int(span["endTimeUnixNano"]) for span in seen.spans.values())
    usual = [span for key, span in seen.spans.items() if key not in seen.marked]
    assert set(seen.exemplars) == seen.marked
    assert TOTAL <= len(usual) <= TOTAL * (2 + (ends[-1] - ends[0]) / 1e9)
    lost = sum(number for reason, number in seen.counters.items() if "sampled_out" not in reason)
    assert 2 * BLOCKS == len(seen.spans) + seen.counters["otelchan.span.sampled_out"] + lost == seen.blocks
