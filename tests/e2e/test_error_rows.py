"""Errors and warnings that are provoked with a Go program lead to the rows that are about them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.agent import otelchan
from tests.support.certificates import make
from tests.support.hammer import hammer
from tests.support.refusals import messages_about, refused


def test_explain_says_what_is_behind_an_error() -> None:
    """From the line as it was printed, on the command line, without the documentation at hand."""
    line = refused("run", 4194303)

    done = otelchan("explain", "--error", line)

    assert (0, "") == (done.returncode, done.stderr)
    assert done.stdout.startswith("there is no running process …; look its id up again\n  cause:      it has ended")
    assert "  what to do: `pgrep -a NAME` where otelchan runs\n" in done.stdout


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("certificate=/no/such.pem", "there is no such file; give the path of a PEM file"),
        ("certificate=server_key", "it has no certificate that can be read; give a PEM file"),
        ("client_key=client_key", "there is no otlp.client_certificate; give both"),
        ("client_certificate=client_key client_key=client_key", "it has no certificate; give a PEM file"),
        ("client_certificate=client client_key=ca", "it has no private key; …"),
        ("client_certificate=client client_key=server_key", "it is not the key of …; give the two that belong"),
    ],
)
def test_certificates_that_cannot_be_used(
    given: str, message: str, workload: Callable[..., Path], tmp_path: Path
) -> None:
    """Before anything is attached: which setting, which file, and what is wrong with it."""
    made = make(tmp_path)
    lines = [f"  {key}: {getattr(made, name, name)}" for key, name in (word.split("=") for word in given.split())]
    config = tmp_path / "otelchan.yaml"
    config.write_text("\n".join(["otlp:", "  endpoint: https://localhost:4318", *lines, ""]))
    with hammer(workload("hammer", go="1.27.3")) as program:
        line = refused("run", program.pid, "--config", config)

    assert [] != [said for said in messages_about(line) if said.startswith(message)]


def test_several_mistakes_with_one_program(workload: Callable[..., Path], tmp_path: Path) -> None:
    """Its thread's id, a goroutine and a folder that are not there, a port that is none, its executable as a core."""
    binary = workload("hammer", go="1.27.3")
    with hammer(binary) as program:
        thread = next(int(t.name) for t in Path(f"/proc/{program.pid}/task").iterdir() if int(t.name) != program.pid)
        by_thread = refused("census", thread)
        no_goroutine = refused("chain", program.pid, 4711_4711, "--duration", "0")
        no_room = refused("run", program.pid, "--otlp-file", tmp_path / "none" / "out")
        no_listener = refused("run", program.pid, "--status-listen", "127.0.0.1:99999")
    as_core = refused("census", "--core", binary)

    assert f"otelchan: {thread} is a thread of process {program.pid}; give {program.pid} instead" == by_thread
    assert ["pid … has no goroutine … now"] == messages_about(no_goroutine)
    assert ["cannot write telemetry to …: …"] == messages_about(no_room)
    assert ["… is …, but must be …; see docs/configuration.md"] == messages_about(no_listener)
    assert ["… is an executable, not a core file; give the core"] == messages_about(as_core)


def test_what_is_logged_has_rows_too(workload: Callable[..., Path], tmp_path: Path) -> None:
    """Every warning of a run in which nobody listens and the variables are odd."""
    odd = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317",
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta",
        "OTEL_METRICS_EXPORTER": "prometheus",
        "OTEL_CONFIG_FILE": "/etc/sdk.yaml",
        "OTEL_LOG_LEVEL": "loud",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "200",
        "OTELCHAN_INTERVALL_S": "5",
    }
    with hammer(workload("hammer", go="1.27.3")) as program:
        done = otelchan("run", program.pid, "--duration", 3, env=odd)
    warnings = [line for line in done.stderr.splitlines() if " WARNING " in line or " ERROR " in line]

    found = {message for line in warnings for message in messages_about(line)}
    assert done.returncode == 0, done.stderr
    assert {
        "port 4317 is usually for gRPC; OTLP over HTTP is usually on port 4318",
        "… is not done: …",
        "totals are cumulative, so that an outage loses nothing of them",
        "…: … is ignored; known are …",
        "… is not read: otelchan has a file of its own, OTELCHAN_CONFIG or --config",
        "OTEL_LOG_LEVEL is …, which is ignored",
        "… is read as milliseconds, as the OpenTelemetry specification says",
        "the environment variable … is not known; was … meant?",
        "cannot deliver telemetry to … (…): …",
        "check the endpoint and that a Collector listens there",
    } <= found, (done.stderr, found)
