"""The real Collector, Prometheus and Jaeger, started for a test on free loopback ports, and what to ask them.

Jaeger stands in for Tempo: both take spans by OTLP. `make stack` builds the programs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import requests

from scripts.stack import StackError, where
from tests.support import require_kernel
from tests.support.jaeger import Jaeger, Span
from tests.support.programs import free_ports, running, tail

__all__ = [
    "Collector",
    "Jaeger",
    "Labels",
    "Prometheus",
    "Span",
    "Stack",
    "collector",
    "jaeger",
    "prometheus",
    "run_collector",
    "stack",
]

REPO = Path(__file__).resolve().parents[2]
CONFIGS = REPO / "collector-config"
Labels = dict[str, str]


def binary(name: str) -> Path:
    """The path of one of the built programs; without `make stack` the test is skipped, or fails where it must run."""
    try:
        return Path(where()[name])
    except StackError as error:
        require_kernel(str(error))


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus; `url` has no trailing slash."""

    url: str
    pid: int

    @property
    def otlp(self) -> str:
        """The base endpoint of its OTLP receiver; exporters append /v1/metrics."""
        return f"{self.url}/api/v1/otlp"

    def query(self, promql: str, at: float | None = None) -> list[tuple[Labels, float]]:
        """The series of an instant query, as (labels without __name__, value), at Unix time `at` or now."""
        data = self._get("/api/v1/query", {"query": promql, **({} if at is None else {"time": str(at)})})
        if data["resultType"] == "scalar":
            return [({}, float(data["result"][1]))]
        return [(_labels(series["metric"]), float(series["value"][1])) for series in data["result"]]

    def query_range(
        self, promql: str, start: float, end: float, step: float = 1.0
    ) -> list[tuple[Labels, list[tuple[float, float]]]]:
        """The series of a range query, as (labels without __name__, [(Unix time, value), ...])."""
        query = {"query": promql, "start": str(start), "end": str(end), "step": str(step)}
        data = self._get("/api/v1/query_range", query)
        return [(_labels(s["metric"]), [(float(t), float(v)) for t, v in s["values"]]) for s in data["result"]]

    def samples(self, selector: str, seconds: int) -> list[tuple[Labels, list[tuple[float, float]]]]:
        """What was stored in the last `seconds`, sample by sample, without the markers of series that ended."""
        data = self._get("/api/v1/query", {"query": f"{selector}[{seconds}s]"})
        return [(_labels(s["metric"]), [(float(t), float(v)) for t, v in s["values"]]) for s in data["result"]]

    def names(self, matcher: str = "") -> set[str]:
        """Names of all series that were ever stored, or of those matching a selector such as `{job="shop"}`."""
        answer = self._get("/api/v1/label/__name__/values", {"match[]": matcher} if matcher else {})
        return set(answer)

    def label_values(self, label: str, selector: str, start: float, end: float) -> set[str]:
        """Values of a label between two Unix times, in the series of a selector; "": in all."""
        query = {"start": str(start), "end": str(end), **({"match[]": selector} if selector else {})}
        return set(self._get(f"/api/v1/label/{label}/values", query))

    def exemplars(self, promql: str, start: float, end: float) -> list[tuple[Labels, Labels, float]]:
        """The exemplars under a selector, as (labels of the series, labels of the exemplar, value)."""
        data = self._get("/api/v1/query_exemplars", {"query": promql, "start": str(start), "end": str(end)})
        return [(s["seriesLabels"], e["labels"], float(e["value"])) for s in data for e in s["exemplars"]]

    def _get(self, path: str, query: Mapping[str, str]):  # type: ignore[no-untyped-def]  # its JSON has many shapes
        answer = requests.get(self.url + path, params=dict(query), timeout=30).json()
        assert answer["status"] == "success", f"{path} {query}: {answer.get('error')}"
        return answer["data"]


def _labels(metric: Labels) -> Labels:
    return {name: value for name, value in metric.items() if name != "__name__"}


@dataclass(frozen=True)
class Collector:
    """A running Collector: its OTLP endpoints, and what it says about itself. `pprof` is empty unless asked for."""

    http: str
    grpc: str
    metrics_url: str
    pprof: str
    pid: int

    def own_metrics(self) -> str:
        """Its own metrics (otelcol_receiver_accepted_..., otelcol_exporter_send_failed_...) in Prometheus's text."""
        return requests.get(self.metrics_url, timeout=10).text


@dataclass(frozen=True)
class Stack:
    """All three, connected, and the folder with their logs."""

    collector: Collector
    prometheus: Prometheus
    jaeger: Jaeger
    logs: Path

    def log_tails(self) -> Iterator[tuple[str, str]]:
        """(name, last lines) of each log, for the report of a failed test."""
        for log in sorted(self.logs.glob("*.log")):
            yield log.name, tail(log)


@contextlib.contextmanager
def prometheus(folder: Path, port: int | None = None, config: Path | None = None) -> Iterator[Prometheus]:
    """Prometheus with the shipped prometheus.yaml, or another one, and an empty database under `folder`."""
    url = f"http://127.0.0.1:{port or free_ports(1)[0]}"
    command: list[str | Path] = [
        binary("prometheus"),
        f"--config.file={config or CONFIGS / 'prometheus.yaml'}",
        f"--web.listen-address={url.removeprefix('http://')}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        "--web.enable-otlp-receiver",
        "--enable-feature=exemplar-storage",
    ]
    with running(command, folder / "prometheus.log", f"{url}/-/ready") as program:
        yield Prometheus(url, program.pid)


@contextlib.contextmanager
def jaeger(folder: Path) -> Iterator[Jaeger]:
    """Jaeger all-in-one that keeps spans in memory and takes OTLP."""
    names = ("query", "query_grpc", "otlp_http", "otlp_grpc", "thrift", "jaeger_grpc", "admin", "sampling")
    at = {name: f"127.0.0.1:{port}" for name, port in zip(names, free_ports(len(names)), strict=True)}
    command: list[str | Path] = [
        binary("jaeger"),
        f"--query.http-server.host-port={at['query']}",
        f"--query.grpc-server.host-port={at['query_grpc']}",
        f"--collector.otlp.http.host-port={at['otlp_http']}",
        f"--collector.otlp.grpc.host-port={at['otlp_grpc']}",
        f"--collector.http-server.host-port={at['thrift']}",
        f"--collector.grpc-server.host-port={at['jaeger_grpc']}",
        f"--admin.http.host-port={at['admin']}",
        f"--http-server.host-port={at['sampling']}",
        *(
            f"--processor.{p}.server-host-port=127.0.0.1:0"
            for p in ("jaeger-binary", "jaeger-compact", "zipkin-compact")
        ),
        "--memory.max-traces=100000",
    ]
    env = {"SPAN_STORAGE_TYPE": "memory", "OTEL_TRACES_SAMPLER": "always_off"}
    with running(command, folder / "jaeger.log", f"http://{at['admin']}/", env) as program:
        yield Jaeger(f"http://{at['query']}", f"http://{at['otlp_http']}", at["otlp_grpc"], program.pid)


@contextlib.contextmanager
def collector(
    folder: Path,
    prometheus_otlp: str,
    traces_grpc: str,
    config: str = "standalone.yaml",
    *,
    http_port: int | None = None,
    grpc_port: int | None = None,
    with_pprof: bool = False,
    name: str = "collector",
    env: Mapping[str, str] | None = None,
) -> Iterator[Collector]:
    """The Collector with a shipped configuration that knows the back ends, as it is; only its documented environment
    variables are set. `env` has more of them.

    `http_port` and `grpc_port` start it where it was before. `with_pprof` adds /debug/pprof from the command line.
    """
    ends = {"PROMETHEUS_OTLP_ENDPOINT": prometheus_otlp, "TEMPO_OTLP_ENDPOINT": traces_grpc, **(env or {})}
    with run_collector(
        folder, config, ends, http_port=http_port, grpc_port=grpc_port, with_pprof=with_pprof, name=name
    ) as entry:
        yield entry


@contextlib.contextmanager
def run_collector(
    folder: Path,
    config: str,
    env: Mapping[str, str],
    *,
    http_port: int | None = None,
    grpc_port: int | None = None,
    with_pprof: bool = False,
    overlays: Sequence[str] = (),
    inside: Sequence[str] = (),
    name: str = "collector",
) -> Iterator[Collector]:
    """The Collector with a shipped configuration and these environment variables; it listens on free loopback ports.

    `overlays` are merged over the file ("yaml:a::b: value"). `inside` is a command that becomes it, see
    tests.support.machines.
    """
    http, grpc, health, metrics, pprof = free_ports(5)
    http, grpc = http_port or http, grpc_port or grpc
    listens = {
        "OTELCHAN_COLLECTOR_HTTP": f"127.0.0.1:{http}",
        "OTELCHAN_COLLECTOR_GRPC": f"127.0.0.1:{grpc}",
        "OTELCHAN_COLLECTOR_HEALTH": f"127.0.0.1:{health}",
        "OTELCHAN_COLLECTOR_METRICS_PORT": str(metrics),
    }
    command: list[str | Path] = [*inside, binary("otelcol"), "--config", CONFIGS / config]
    for overlay in overlays:
        command += ["--config", overlay]
    if with_pprof:
        command += ["--config", f"yaml:extensions::pprof::endpoint: 127.0.0.1:{pprof}"]
        command += ["--config", "yaml:service::extensions: [health_check, pprof]"]
    with running(command, folder / f"{name}.log", f"http://127.0.0.1:{health}/", {**listens, **env}) as program:
        yield Collector(
            http=f"http://127.0.0.1:{http}",
            grpc=f"127.0.0.1:{grpc}",
            metrics_url=f"http://127.0.0.1:{metrics}/metrics",
            pprof=f"http://127.0.0.1:{pprof}/debug/pprof" if with_pprof else "",
            pid=program.pid,
        )


@contextlib.contextmanager
def stack(folder: Path) -> Iterator[Stack]:
    """All three: otelchan's data goes into the Collector, metrics come out of Prometheus, spans out of Jaeger."""
    with prometheus(folder) as metrics, jaeger(folder) as traces, collector(folder, metrics.otlp, traces.grpc) as entry:
        yield Stack(entry, metrics, traces, folder)
