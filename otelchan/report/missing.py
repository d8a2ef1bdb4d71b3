"""What is not on a program's part of the page though it could be, and why: silence is not to be taken for health."""

from __future__ import annotations

from collections.abc import Iterator

from otelchan.report.history import BLOCKS, History
from otelchan.view.words import count, moment

_ABSENT = {
    BLOCKS: "No block times: the waits plane was not on, or nobody has ever had to wait.",
    "channel.process": "No counts of operations: the waits and operations planes were not on.",
    "channel.edge": "No topology: nobody was seen to use a channel, or otelchan was older than channel.edge.",
    "channel.slo.state": "No latency objective is set for a channel of this program (setting `objectives`).",
}


def missing_from(history: History, chain_by: str) -> Iterator[str]:
    """Sentences. chain_by: as topology.waiting_of says."""
    if not history.looks:
        yield "No metrics of this program are in the files, so no channels and no history: give the metrics too."
        return
    if not history.told.spans:
        yield (
            "No spans of this program are in the files, so findings have no words and waits no stacks: either nothing "
            "happened that has a span, or the file of traces was not given."
        )
    if history.looks == 1:
        yield "There is one look only: nothing over time and no rates."
    series = history.series
    for metric, words in _ABSENT.items():
        if not (series.gauges.get(metric) or series.counters.get(metric) or series.histograms.get(metric)):
            yield words
    if chain_by == "spans":
        yield (
            "The blocking chain is made from spans of waits that go on, as the metric channel.edge.waiters is not "
            "recorded: who has waited for less than the first step (10 s) is not in it."
        )
    for metric, time in series.overflowing.items():
        yield f"{metric} was over the cap of series, last at {moment(time)}: what is over it is not on this page."
    yield from _left_out(history)


def _left_out(history: History) -> Iterator[str]:
    gone, told = history.series.gone, history.told.left_out
    if gone.deltas:
        yield f"{count(gone.deltas, 'point')} left out: differences, not totals, as cumulativetodelta makes them."
    if gone.late:
        yield f"{count(gone.late, 'point')} left out: written twice, or out of order."
    if gone.strange:
        yield f"{count(gone.strange, 'point')} left out: histograms with other buckets than before."
    if gone.over:
        yield f"{count(gone.over, 'point')} left out: more series than a report keeps."
    if told:
        yield f"{count(told, 'finding or wait')} that spans tell of left out: more than a report keeps."
