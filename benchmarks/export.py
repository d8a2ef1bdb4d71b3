"""What exporting costs the agent: `make bench-export`. Needs the Collector of `make stack`; no root.

Five programs with 2,000 time series each and 500 spans a second among them, which is what `series_per_process` and
`spans_per_second_total` let through by default, go to a real Collector, as every interval of 10 s does it: from
snapshots that are there already to requests that were answered. Reported is processor time as a share of one core. Exit
status 1 when it is 5 % or more in any way of sending.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.machine import describe
from otelchan.config import Config, Otlp
from otelchan.findings.types import Assessment
from otelchan.model.types import BlockSpan, Snapshot, SpanContext
from otelchan.telemetry import Telemetry
from otelchan.telemetry.metrics import metric_points
from tests.support import snapshots
from tests.support.stack import Collector, collector, jaeger, prometheus

PROGRAMS = 5
SERIES = 10_000
SPANS_A_SECOND = 500
INTERVAL_S = 10
ROUNDS = 6
MOST = 0.05
WAYS = (("http/protobuf", "none"), ("http/protobuf", "gzip"), ("grpc", "none"), ("grpc", "gzip"))
STACK = tuple(
    snapshots.CALLER._replace(function=f"example.com/shop/internal/layer{depth}.(*Server).handle", line=depth)
    for depth in range(1, 9)
)


def programs() -> list[Snapshot]:
    """With that many points in all."""
    assessment = Assessment()
    each = SERIES // PROGRAMS
    fixed = len(metric_points(snapshots.snapshot(), assessment))
    per_channel = len(metric_points(snapshots.snapshot([snapshots.channel("one main.go:1")]), assessment)) - fixed
    count = (each - fixed) // per_channel
    return [
        snapshots.snapshot(
            [snapshots.channel(f"example.com/shop/orders.(*Queue).New queue.go:{line}") for line in range(count)],
            process=snapshots.process(4242 + number, service_name=f"shop-{number}"),
        )
        for number in range(PROGRAMS)
    ]


def moved_on(snapshot: Snapshot, made: random.Random) -> Snapshot:
    """The same an interval later: every value has changed, and there are new spans."""
    channels = tuple(
        replace(
            channel,
            lag=made.randrange(100),
            processed={key: c._replace(value=c.value + made.randrange(99)) for key, c in channel.processed.items()},
        )
        for channel in snapshot.channels
    )
    time_unix_ns = snapshot.time_unix_ns + INTERVAL_S * snapshots.SECOND
    names = [channel.name for channel in channels]
    spans = tuple(span(made, names, time_unix_ns) for _ in range(SPANS_A_SECOND * INTERVAL_S // PROGRAMS))
    return replace(snapshot, channels=channels, time_unix_ns=time_unix_ns, spans=spans)


def span(made: random.Random, names: Sequence[str], end_unix_ns: int) -> BlockSpan:
    """A block at one of 200 places, with a stack of 8 frames."""
    name = made.choice(names)
    return snapshots.block_span(
        context=SpanContext(made.randbytes(16), made.randbytes(8)),
        channel=name,
        start_unix_ns=end_unix_ns - made.randrange(10_000_000, 5_000_000_000),
        end_unix_ns=end_unix_ns,
        goroutine_id=made.randrange(1, 100_000),
        frames=(snapshots.WORKER._replace(line=names.index(name) % 40 + 1), *STACK),
    )


def sent(telemetry: Telemetry) -> int:
    """Items that the Collector has taken."""
    metrics = [m for r in telemetry.own.collect() for scope in r.scope_metrics for m in scope.metrics]
    return sum(int(p.as_int) for m in metrics if m.name == "otelchan.export.sent" for p in m.sum.data_points)


def share(entry: Collector, protocol: str, compression: str) -> tuple[float, int, int]:
    """Processor time as a share of a core; points and spans that were sent in a round."""
    endpoint = f"http://{entry.grpc}" if protocol == "grpc" else entry.http
    otlp = Otlp(endpoint=endpoint, protocol=protocol, compression=compression)  # type: ignore[arg-type]
    telemetry = Telemetry(Config(otlp=otlp))
    made, now, used = random.Random(1), programs(), 0.0
    for number in range(ROUNDS + 1):
        now = [moved_on(snapshot, made) for snapshot in now]
        points = sum(len(metric_points(snapshot, Assessment())) for snapshot in now)
        spans = sum(len(snapshot.spans) for snapshot in now)
        before = sent(telemetry)
        began = time.process_time()
        for snapshot in now:
            telemetry.publish(snapshot, Assessment())
        telemetry.flush()
        while sent(telemetry) - before < points + spans:
            time.sleep(0.2)
        if number:  # the first one connects, and fills what is encoded once
            used += time.process_time() - began
    telemetry.close()
    return used / (ROUNDS * INTERVAL_S), points, spans


@contextmanager
def back_ends(folder: Path) -> Iterator[Collector]:
    """The Collector with what it sends to."""
    with prometheus(folder) as metrics, jaeger(folder) as traces, collector(folder, metrics.otlp, traces.grpc) as entry:
        yield entry


def main() -> int:
    """Prints a line for each way of sending."""
    machine = describe()
    print(f"{machine['processor']}, {machine['processors']} processors")
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder, back_ends(Path(folder)) as entry:
        for protocol, compression in WAYS:
            used, points, spans = share(entry, protocol, compression)
            worst = max(worst, used)
            print(
                f"{protocol} {compression}: {used:.2%} of a core for {points} series and {spans / INTERVAL_S:.0f} "
                f"spans a second, every {INTERVAL_S} s",
                flush=True,
            )
    return worst >= MOST


if __name__ == "__main__":
    sys.exit(main())
