"""HTTP and gRPC, plain and with TLS, against the real Collector; and what is said when they do not fit together."""

from __future__ import annotations

import json
import os
import re
import subprocess
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from otelchan.config import Otlp
from otelchan.telemetry.transport import destination, open_transport
from tests.support import eventually
from tests.support.agent import agent, otelchan
from tests.support.programs import free_ports
from tests.support.receivers import GRPC, HEADER, HTTP, Receivers, receivers

METRICS = {"channel.lag", "channel.block.duration", "goroutine.blocked"}
SECRET = "otherwise-never-said"
Settings = dict[str, str]


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receivers]:
    """With all receivers."""
    with receivers(tmp_path_factory.mktemp("receivers")) as running:
        yield running


@pytest.fixture(scope="module")
def leaky(workload: Callable[..., Path]) -> Iterator[int]:
    """The process id of a program that blocks on channels all the time."""
    with subprocess.Popen([workload("leaky", go="1.27.3")], stdout=subprocess.DEVNULL) as program:
        yield program.pid
        program.kill()


@dataclass(frozen=True)
class Source:
    """Where settings come from. name: for the test's id."""

    name: str
    prefix: str = ""

    def given(self, folder: Path, settings: Settings) -> tuple[list[str], Settings]:
        """Arguments and environment. settings: by their key under `otlp`."""
        if self.prefix:
            return [], {self.prefix + name.upper(): value for name, value in settings.items()}
        path = folder / "otelchan.yaml"
        name, _, value = settings["headers"].partition("=")
        path.write_text(yaml.safe_dump({"otlp": {**settings, "headers": {name: value}}}))
        return ["--config", str(path)], {}


FILE = Source("file")
OTEL = Source("OTEL", "OTEL_EXPORTER_OTLP_")
OWN = Source("OTELCHAN", "OTELCHAN_OTLP_")


def settings(collector: Receivers, way: str, protocol: str, case: str) -> Settings:
    """What is needed to be let in there."""
    found = {
        "endpoint": collector.endpoint(way, protocol),
        "protocol": protocol,
        "headers": f"{HEADER}={case}",
        "compression": "gzip",
    }
    if way != "plain":
        found["certificate"] = collector.pki.ca
    if way == "mutual":
        found |= {"client_certificate": collector.pki.client, "client_key": collector.pki.client_key}
    return found


def all_arrived(collector: Receivers, case: str) -> bool:
    """Metrics of the program and of the agent, and spans of the program."""
    arrived = collector.arrived(case)
    assert arrived.metrics >= METRICS | {"otelchan.build.info"}
    assert any(name.startswith(("recv ", "send ", "select ")) for name in arrived.spans), arrived
    return True


@pytest.mark.parametrize(
    ("way", "protocol", "source"),
    [
        ("plain", HTTP, FILE),
        ("tls", HTTP, OTEL),
        ("mutual", HTTP, OWN),
        ("plain", GRPC, OWN),
        ("tls", GRPC, FILE),
        ("mutual", GRPC, OTEL),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_telemetry_arrives(
    collector: Receivers, leaky: int, tmp_path: Path, way: str, protocol: str, source: Source
) -> None:
    """In gzip, which HTTP demands here, with a header, without which the Collector drops it, however it is set up.

    An agent that speaks HTTP has not even loaded grpc's library.
    """
    case = uuid.uuid4().hex
    arguments, env = source.given(tmp_path, settings(collector, way, protocol, case))
    with agent(tmp_path / "log", leaky, "--interval", "0.5", *arguments, env=env) as running:
        eventually(lambda: all_arrived(collector, case))
        assert (protocol == GRPC) == ("/grpc/_cython/" in Path(f"/proc/{running.pid}/maps").read_text())
    assert "telemetry" not in running.log, running.log


def test_each_signal_goes_its_own_way(collector: Receivers, leaky: int, tmp_path: Path) -> None:
    """Metrics over gRPC with TLS, without a scheme; spans over plain HTTP; each by its own standard variables."""
    case = uuid.uuid4().hex
    env = {
        "OTEL_EXPORTER_OTLP_HEADERS": f"{HEADER}={case}",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "grpc",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": collector.endpoint("tls", GRPC).removeprefix("https://"),
        "OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE": collector.pki.ca,
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{collector.endpoint('plain', HTTP)}/v1/traces",
    }
    with agent(tmp_path / "log", leaky, "--interval", "0.5", env=env) as running:
        eventually(lambda: all_arrived(collector, case))
    assert "telemetry" not in running.log, running.log


def test_each_signal_has_every_variable_of_its_own(collector: Receivers, leaky: int, tmp_path: Path) -> None:
    """Metrics over gRPC to an address without a scheme, which is insecure; spans over HTTP with their own certificates.

    What is for both signals is wrong, and not used.
    """
    case = uuid.uuid4().hex
    metrics = {
        "ENDPOINT": collector.endpoint("plain", GRPC).removeprefix("http://"),
        "PROTOCOL": GRPC,
        "INSECURE": "true",
        "HEADERS": f"{HEADER}={case}",
        "COMPRESSION": "gzip",
        "TIMEOUT": "9000",
    }
    traces = {
        "ENDPOINT": f"{collector.endpoint('mutual', HTTP)}/v1/traces",
        "PROTOCOL": HTTP,
        "HEADERS": f"{HEADER}={case}",
        "COMPRESSION": "gzip",
        "TIMEOUT": "9000",
        "CERTIFICATE": collector.pki.ca,
        "CLIENT_CERTIFICATE": collector.pki.client,
        "CLIENT_KEY": collector.pki.client_key,
    }
    wrong = {"ENDPOINT": "http://127.0.0.1:1", "HEADERS": f"{HEADER}=wrong", "COMPRESSION": "none", "INSECURE": "false"}
    env = {f"OTEL_EXPORTER_OTLP_{name}": value for name, value in wrong.items()}
    env |= {f"OTEL_EXPORTER_OTLP_METRICS_{name}": value for name, value in metrics.items()}
    env |= {f"OTEL_EXPORTER_OTLP_TRACES_{name}": value for name, value in traces.items()}
    with agent(tmp_path / "log", leaky, "--interval", "0.5", env=env) as running:
        eventually(lambda: all_arrived(collector, case))
    assert "telemetry" not in running.log, running.log


# --- what does not fit together -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wrong:
    """A mistake. way, port: of which receiver; protocol: what is spoken to it; scheme: how; trusted: which authority.

    said: what of it is in the log. reasons: under which losses are counted, one of them.
    """

    name: str
    way: str
    port: str
    protocol: str
    scheme: str
    said: str
    reasons: str
    trusted: str = "ca"

    def endpoint(self, collector: Receivers) -> str:
        """Where it goes."""
        return f"{self.scheme}://127.0.0.1:{collector.ports[self.way, self.port]}"


CA = r"\(TLS failed: .*set otlp.certificate to the PEM file of the CA that signed its certificate"
CLIENT = "demands a client certificate.* set otlp.client_certificate and otlp.client_key"
NO_TLS = r"\(TLS failed: .*; it does not speak TLS: write http:// instead of https://"
SPEAKS_TLS = "it speaks TLS:? write https:// instead of http://"
TO_GRPC, TO_HTTP = "for a gRPC port set otlp.protocol to grpc", "or set otlp.protocol to http/protobuf"
MISTAKES = (
    Wrong("http: wrong CA", "tls", HTTP, HTTP, "https", CA, "tls", "stranger"),
    Wrong("grpc: wrong CA", "tls", GRPC, GRPC, "https", CA, "tls", "stranger"),
    Wrong("http: no client certificate", "mutual", HTTP, HTTP, "https", CLIENT, "tls|connection"),
    Wrong("grpc: no client certificate", "mutual", GRPC, GRPC, "https", CLIENT, "tls|connection"),
    Wrong("http: TLS to a plain port", "plain", HTTP, HTTP, "https", NO_TLS, "tls"),
    Wrong("grpc: TLS to a plain port", "plain", GRPC, GRPC, "https", NO_TLS, "tls"),
    Wrong("http: plain to a TLS port", "tls", HTTP, HTTP, "http", SPEAKS_TLS, "http_400"),
    Wrong("grpc: plain to a TLS port", "tls", GRPC, GRPC, "http", SPEAKS_TLS, "connection"),
    Wrong("http: to the gRPC port", "plain", GRPC, HTTP, "http", TO_GRPC, "connection"),
    Wrong("grpc: to the HTTP port", "plain", HTTP, GRPC, "http", TO_HTTP, "connection"),
    Wrong("http: to the gRPC port with TLS", "tls", GRPC, HTTP, "https", TO_GRPC, "tls|connection"),
    Wrong("grpc: to the HTTP port with TLS", "tls", HTTP, GRPC, "https", TO_HTTP, "grpc_unknown|grpc_unimplemented"),
)


@pytest.mark.parametrize("wrong", MISTAKES, ids=lambda wrong: wrong.name)
def test_a_mistake_is_said_with_what_to_do(collector: Receivers, wrong: Wrong) -> None:
    """Each kind, as the real Collector answers it."""
    otlp = Otlp(
        endpoint=wrong.endpoint(collector),
        protocol=wrong.protocol,  # type: ignore[arg-type]
        compression="gzip",
        certificate=getattr(collector.pki, wrong.trusted),
    )
    transport = open_transport(destination(otlp, "metrics"))
    outcome = transport.send(ExportMetricsServiceRequest().SerializeToString())
    transport.close()
    assert (False, True) == (outcome.delivered, outcome.reason in wrong.reasons.split("|")), outcome
    assert re.search(wrong.said, f"({outcome.detail}; {outcome.advice}"), outcome


TOGETHER = (
    ("http: wrong CA", "grpc: to the HTTP port"),
    ("grpc: wrong CA", "http: to the gRPC port"),
    ("grpc: no client certificate", "http: plain to a TLS port"),
)


@pytest.mark.parametrize(("metrics", "traces"), TOGETHER, ids=["1", "2", "3"])
def test_a_mistake_is_one_line_in_the_log(
    collector: Receivers, leaky: int, tmp_path: Path, metrics: str, traces: str
) -> None:
    """Nothing secret is said; what is lost is counted; the agent goes on. Here with a mistake for each signal."""
    mistakes = {wrong.name: wrong for wrong in MISTAKES}
    out = tmp_path / "otlp.jsonl"
    env = {"OTEL_EXPORTER_OTLP_HEADERS": f"{HEADER}={SECRET}", "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}
    for signal, wrong in (("METRICS", mistakes[metrics]), ("TRACES", mistakes[traces])):
        path = f"/v1/{signal.lower()}" if wrong.protocol == HTTP else ""
        env[f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"] = wrong.endpoint(collector) + path
        env[f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL"] = wrong.protocol
        env[f"OTEL_EXPORTER_OTLP_{signal}_CERTIFICATE"] = getattr(collector.pki, wrong.trusted)
    with agent(tmp_path / "log", leaky, "--interval", "0.3", "--otlp-file", out, env=env) as running:
        for wrong in (mistakes[metrics], mistakes[traces]):
            running.wait_for(f"cannot deliver telemetry to {wrong.endpoint(collector)}.* .*{wrong.said}")
        eventually(lambda: given_up(out, mistakes[metrics].reasons) > 0)
        assert running.process.poll() is None
        assert 2 == running.log.count("cannot deliver telemetry"), running.log
    assert not collector.arrived(SECRET).metrics
    assert SECRET not in running.log


def given_up(path: Path, reasons: str) -> int:
    """Metric points that the agent says it could not deliver for one of these reasons."""
    found = 0
    for line in path.read_text().splitlines():
        for resource in json.loads(line).get("resourceMetrics", []):
            for point in failed_points(resource):
                labels = {a["key"]: a["value"]["stringValue"] for a in point["attributes"]}
                if labels["otelchan.reason"] in reasons.split("|") and labels["otelchan.signal"] == "metrics":
                    found = max(found, int(point["asInt"]))
    return found


def failed_points(resource: dict[str, Any]) -> list[dict[str, Any]]:
    """The points of otelchan.export.failed."""
    metrics = [metric for scope in resource["scopeMetrics"] for metric in scope["metrics"]]
    return [p for m in metrics if m["name"] == "otelchan.export.failed" for p in m["sum"]["dataPoints"]]


def test_files_and_headers_that_cannot_be_used_are_refused_at_the_start(
    collector: Receivers, leaky: int, tmp_path: Path
) -> None:
    """One sentence each, exit status 2; the value of a header is not shown."""
    odd = tmp_path / "odd.pem"
    odd.write_bytes(os.urandom(100))
    wrong: list[tuple[Settings, str]] = [
        ({"CERTIFICATE": "/no/such.pem"}, "otlp.certificate is /no/such.pem, but there is no such file"),
        ({"CERTIFICATE": str(odd)}, f"otlp.certificate is {odd}, but it has no certificate that can be read"),
        ({"CLIENT_KEY": collector.pki.client_key}, "but there is no otlp.client_certificate; give both"),
        ({"HEADERS": f"authorization={SECRET}%0A"}, "otlp.headers is given, but must be"),
        ({"HEADERS": f"a!={SECRET}"}, "otlp.headers has the name 'a!', which gRPC does not allow"),
    ]
    for variables, said in wrong:
        given = {"PROTOCOL": "grpc", "ENDPOINT": "https://127.0.0.1:1", **variables}
        done = otelchan("run", leaky, env={f"OTEL_EXPORTER_OTLP_{name}": value for name, value in given.items()})
        lines = [line for line in done.stderr.splitlines() if line.startswith("otelchan: ")]
        assert (2, 1) == (done.returncode, len(lines)), done.stderr
        assert said in lines[0]
        assert "Traceback" not in done.stderr
        assert SECRET not in done.stderr


def test_an_endpoint_that_never_answers_does_not_hold_up_the_end(leaky: int, tmp_path: Path) -> None:
    """It is stopped while a request is under way that may take five minutes; what is lost is said, and it ends well."""
    (port,) = free_ports(1)
    env = {"OTELCHAN_OTLP_PROTOCOL": "grpc", "OTELCHAN_OTLP_TIMEOUT_S": "300"}
    # It answers nothing, but the kernel takes the connection for it.
    silent = subprocess.Popen(["python3", "-c", SILENT, str(port)], stdout=subprocess.PIPE)
    try:
        assert silent.stdout and silent.stdout.readline()
        endpoint = ("--endpoint", f"http://127.0.0.1:{port}")
        with agent(tmp_path / "log", leaky, "--interval", "0.3", *endpoint, env=env) as running:
            running.wait_attached()
        assert "could not be delivered" in running.log
    finally:
        silent.kill()
        silent.wait()


SILENT = """
import socket, sys, time
with socket.create_server(("127.0.0.1", int(sys.argv[1]))):
    print("ready", flush=True)
    time.sleep(600)
"""
