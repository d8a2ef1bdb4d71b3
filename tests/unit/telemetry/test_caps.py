"""Caps on time series, with thousands of channel names: what is over them is added up and counted, not lost."""

from __future__ import annotations

from collections import Counter as Tally
from typing import Any

from otelchan.config import Config
from otelchan.findings.types import Assessment
from otelchan.model.types import Counter, Snapshot
from otelchan.telemetry import Telemetry
from otelchan.telemetry.batches import MetricBatch, SpanBatch
from otelchan.telemetry.catalogue import METRICS
from otelchan.telemetry.own import AgentMetrics
from tests.support.snapshots import (
    ATTACHED,
    NOW,
    SECOND,
    attributes,
    bare_channel,
    by_name,
    data_points,
    process,
    snapshot,
)

NAMES = 5_000
SIZES = (NAMES, 1_500, 1_000)  # names of each program
PER_PROCESS = 2_000
TOTAL = 4_500
METRIC_NAMES = len(METRICS)


class LastSink:
    """Keeps the newest batch of each target."""

    def __init__(self) -> None:
        self.batches: dict[str, MetricBatch] = {}

    def start(self, own: AgentMetrics) -> None:
        """Nothing to open."""

    def offer_metrics(self, batch: MetricBatch) -> None:
        """Keep."""
        self.batches[batch.target] = batch

    def offer_spans(self, batch: SpanBatch) -> None:
        """Not looked at."""

    def close(self, deadline_s: float) -> bool:
        """Nothing to close."""
        return True

    def programs(self) -> list[MetricBatch]:
        """All but what the agent says about itself."""
        return [batch for target, batch in self.batches.items() if target != "otelchan"]

    def own(self, name: str) -> Any:
        """The value of a gauge of the agent."""
        (point,) = data_points(by_name(self.batches["otelchan"].live[0])[name])
        return point.as_int if point.HasField("as_int") else point.as_double


def crowded(pid: int, turn: int, names: int = NAMES) -> Snapshot:
    """A program with that many names, each of which has passed turn + 1 elements."""
    channels = [
        bare_channel(f"main.f{number} main.go:{number}", processed={("send", "ok"): Counter(turn + 1, ATTACHED)})
        for number in range(names)
    ]
    return snapshot(channels, process=process(pid), time_unix_ns=NOW + turn * SECOND)


def passed(batch: MetricBatch) -> Tally[str]:
    """Elements counted by channel.process: by series, and over the cap."""
    found: Tally[str] = Tally()
    for point in data_points(by_name(batch.live[0])["channel.process"]):
        found["over" if "otel.metric.overflow" in attributes(point) else "series"] += point.as_int
    return found


def test_five_thousand_names_stay_within_both_caps_and_no_element_is_lost() -> None:
    """Each program has its own cap, all of them the other one; the sum over all points is what was counted."""
    sink = LastSink()
    telemetry = Telemetry(Config(series_per_process=PER_PROCESS, series_total=TOTAL), [sink])
    sizes: list[list[int]] = []
    for turn in range(2):
        for pid, names in enumerate(SIZES):
            telemetry.publish(crowded(1000 + pid, turn, names), Assessment())
        telemetry.flush()
        batches = sink.programs()
        assert [names * (turn + 1) for names in SIZES] == [sum(passed(batch).values()) for batch in batches]
        assert all(tally["over"] > 0 for tally in map(passed, batches))
        sizes.append([batch.items for batch in batches])
        within = [sum(point[1] != (("otel.metric.overflow", True),) for point in batch.series) for batch in batches]
        assert (TOTAL, PER_PROCESS) == (sum(within), max(within))
        assert all(batch.items <= PER_PROCESS + METRIC_NAMES for batch in batches)

    assert sizes[0] == sizes[1]
    telemetry.close()


def test_how_many_are_over_is_counted() -> None:
    """All series that there would be, without those that have room."""
    sink = LastSink()
    telemetry = Telemetry(Config(series_per_process=PER_PROCESS, series_total=TOTAL), [sink])
    telemetry.publish(crowded(1000, 0, names=10), Assessment())
    telemetry.flush()
    without = sink.programs()[0].items
    assert 0 == sink.own("otelchan.series.overflow")
    telemetry.publish(crowded(1000, 1), Assessment())
    telemetry.flush()
    of_a_name = (without - of_the_program()) // 10
    everything = of_the_program() + of_a_name * NAMES
    assert everything - PER_PROCESS == sink.own("otelchan.series.overflow")
    telemetry.close()


def of_the_program() -> int:
    """Series that a program without channels has."""
    sink = LastSink()
    telemetry = Telemetry(Config(), [sink])
    telemetry.publish(crowded(1000, 0, names=0), Assessment())
    telemetry.close()
    return sink.programs()[0].items


def test_room_comes_back_when_a_program_ends() -> None:
    """Then the next one has its series, and what is over the cap is less."""
    sink = LastSink()
    telemetry = Telemetry(Config(series_per_process=PER_PROCESS, series_total=PER_PROCESS), [sink])
    telemetry.publish(crowded(1, 0, names=1_000), Assessment())
    telemetry.publish(crowded(2, 0, names=100), Assessment())
    second = passed(sink.programs()[1])
    assert (0, 100) == (second["series"], second["over"])
    ending = crowded(1, 1, names=1_000)
    telemetry.publish(
        Snapshot(**{name: getattr(ending, name) for name in ending.__slots__} | {"ended": True}), Assessment()
    )
    telemetry.publish(crowded(3, 0, names=100), Assessment())
    third = passed(sink.programs()[2])
    assert (100, 0) == (third["series"], third["over"])
    telemetry.close()
