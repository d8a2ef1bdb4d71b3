"""/healthz, /readyz and /metrics of the agent itself, asked as people and Prometheus ask."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from otelchan.telemetry.catalogue import METRICS
from otelchan.telemetry.signals import Owner, prometheus_series
from tests.support import eventually
from tests.support.agent import agent, otelchan
from tests.support.hammer import hammer
from tests.support.programs import free_ports, running
from tests.support.shop import shop
from tests.support.stack import Prometheus, binary
from tests.support.status import StatusPages, listening

ALL_PLANES = ["makes", "operations", "polls", "waits"]
# What Prometheus adds to each scrape.
OF_PROMETHEUS = {
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
}


def test_an_agent_is_ready_when_what_was_named_is_attached(workload: Callable[..., Path], tmp_path: Path) -> None:
    """Until then /readyz says 503 and why; then 200, with the state of each plane; alive it is all the time."""
    pages, seen = StatusPages(), []
    with (
        shop(workload("shop", go="1.27.3")) as program,
        agent(
            tmp_path / "log", program.pid, "--interval", 2, "--otlp-file", tmp_path / "out", *pages.flags
        ) as watching,
    ):
        eventually(lambda: pages.status("readyz") != 0, every=0.02)
        while pages.status("readyz") == 503:
            document = pages.document("readyz")
            seen += document["reasons"]
            assert bool(document["reasons"]) != document["ready"]
            assert 200 == pages.status("healthz")
            time.sleep(0.03)  # who asks more than 200 times a second is kept waiting, and would miss what happens
        ready = pages.wait_ready()
        assert "all planes are attached" in watching.log
        assert (True, [], 1, 0) == (ready["ready"], ready["reasons"], ready["targets"], ready["refused"])
        (watched,) = ready["watched"]
        assert (program.pid, dict.fromkeys(ALL_PLANES, "on")) == (watched["pid"], watched["planes"])
        assert "ok" == pages.document("healthz")["status"]
        assert [address.split(":")[0] for address in listening(watching.pid)] == ["0100007F"]
        shown = subprocess.run(
            ["curl", "-si", f"{pages.url}/readyz"], capture_output=True, text=True, check=True
        ).stdout
        assert shown.startswith("HTTP/1.1 200 OK\n")
    assert "the first look has not been published yet" in seen
    assert f"probes are being attached to {program.pid}" in seen
    assert 0 == pages.status("healthz")


def test_who_cannot_be_watched_does_not_keep_the_others_from_being_ready(
    workload: Callable[..., Path], tmp_path: Path
) -> None:
    """It is refused with the reason, on the page and in the metrics; so is one that another agent watches already."""
    pages, other = StatusPages(), tmp_path / "other"
    other.write_bytes(workload("hammer", go="1.27.3").read_bytes().replace(b"go1.27.3", b"go1.18.9"))
    other.chmod(0o755)
    good = Path(shutil.copy(workload("hammer", go="1.27.3"), tmp_path / "good"))
    flags = ("--exe", str(tmp_path / "*"), "--interval", 1, "--otlp-file", tmp_path / "out", *pages.flags)
    with hammer(other) as old, hammer(good) as fine, agent(tmp_path / "log", *flags):
        ready = pages.wait_ready()
        eventually(lambda: "otelchan_attach_failed_total" in pages.metrics())
        metrics = pages.metrics()
        second = StatusPages()
        with agent(tmp_path / "log2", "--exe", good, "--interval", 1, "--otlp-file", tmp_path / "out2", *second.flags):
            (too_late,) = second.wait_ready()["refused_because"]
            eventually(lambda: {("target",): 1} == second.metrics().get("otelchan_attach_failed_total"))
    assert [fine.pid] == [each["pid"] for each in ready["watched"]]
    (refused,) = ready["refused_because"]
    assert old.pid == refused["pid"]
    assert "built with go1.18.9; otelchan supports Go 1.19 to 1.27" in refused["reason"]
    assert fine.pid == too_late["pid"]
    assert "is already watched by otelchan" in too_late["reason"]
    assert "otelchan_export_queue_size" not in metrics  # nothing waits where no network is used
    assert ({("binary",): 1}, {(): 1}) == (metrics["otelchan_attach_failed_total"], metrics["otelchan_target_refused"])


def test_a_loop_that_hangs_is_not_alive(workload: Callable[..., Path], tmp_path: Path) -> None:
    """Here it reads a configuration that does not come: the file has become a pipe that nobody writes to. The page says
    503, and 200 again when the loop turns again."""
    pages, file = StatusPages(), tmp_path / "otelchan.yaml"
    settings = "status: {alive_within_s: 2}\ninterval_s: 1\n"
    file.write_text(settings)
    flags = ("--config", file, "--otlp-file", tmp_path / "out", *pages.flags)
    with hammer(workload("hammer", go="1.27.3")) as program, agent(tmp_path / "log", program.pid, *flags) as watching:
        pages.wait_ready()
        file.unlink()
        os.mkfifo(file)
        watching.process.send_signal(signal.SIGHUP)
        eventually(lambda: pages.status("healthz") == 503)
        stuck = pages.document("healthz")
        assert ("stuck", 2) == (stuck["status"], stuck["limit_s"])
        assert stuck["last_turn_s"] > 2
        assert 503 == pages.status("readyz")
        assert 200 == pages.status("metrics")
        with file.open("w") as pipe:
            pipe.write(settings.replace("2", "25"))
        eventually(lambda: pages.status("healthz") == 200)
        assert 200 == pages.status("readyz")
        eventually(lambda: 25 == pages.document("healthz")["limit_s"])


def test_prometheus_reads_the_same_series_as_by_otlp(workload: Callable[..., Path], tmp_path: Path) -> None:
    """A Prometheus that gets the agent's metrics both ways has the same names, and the same values where nothing moves
    between two rounds."""
    pages = StatusPages()
    url = f"http://127.0.0.1:{free_ports(1)[0]}"
    where = f"static_configs: [{{targets: ['{pages.address}']}}]"
    scrape = f"scrape_configs: [{{job_name: scraped, scrape_interval: 1s, {where}}}]"
    (tmp_path / "prometheus.yaml").write_text(scrape)
    command: list[str | Path] = [
        binary("prometheus"),
        f"--config.file={tmp_path / 'prometheus.yaml'}",
        f"--web.listen-address={url.removeprefix('http://')}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        "--web.enable-otlp-receiver",
    ]
    to = {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"{url}/api/v1/otlp/v1/metrics"}
    with (
        running(command, tmp_path / "prometheus.log", f"{url}/-/ready") as program,
        shop(workload("shop", go="1.27.3")) as observed,
        agent(tmp_path / "log", observed.pid, "--interval", 1, *pages.flags, env=to) as watching,
    ):
        prometheus = Prometheus(url, program.pid)
        watching.wait_attached()
        observed.go()
        own = {name for m in METRICS.values() if m.owner is Owner.AGENT for name in prometheus_series(m)}

        def both() -> tuple[set[str], set[str]]:
            pushed, scraped = (prometheus.names(f'{{job="{job}"}}') - OF_PROMETHEUS for job in ("otelchan", "scraped"))
            assert len(pushed) > 25
            assert pushed == scraped
            assert {"target_info"} == pushed - own
            return pushed, scraped

        eventually(both)
        assert [1] == [value for _, value in prometheus.query('up{job="scraped"}')]

        def agree() -> bool:
            for name in ("otelchan_probe_hit_total", "otelchan_map_entry_limit", "otelchan_target_count"):
                pushed, scraped = (
                    {
                        tuple(sorted((k, v) for k, v in labels.items() if k not in ("job", "instance"))): value
                        for labels, value in prometheus.query(f'{name}{{job="{job}"}}')
                    }
                    for job in ("otelchan", "scraped")
                )
                assert pushed
                assert pushed == scraped
            return True

        eventually(agree)


def test_nothing_listens_unless_it_is_asked_for(workload: Callable[..., Path], tmp_path: Path) -> None:
    """No socket, and nothing of what would listen is loaded."""
    with (
        hammer(workload("hammer", go="1.27.3")) as program,
        agent(tmp_path / "log", program.pid, "--interval", 1, "--otlp-file", tmp_path / "out") as watching,
    ):
        watching.wait_attached()
        assert [] == listening(watching.pid)
    assert "/healthz" not in watching.log


def test_an_address_that_is_taken_is_refused_before_anything_is_attached(
    workload: Callable[..., Path], tmp_path: Path
) -> None:
    """One sentence, exit status 2; so is an address that others could reach."""
    pages = StatusPages()
    out = ("--otlp-file", tmp_path / "out")
    with (
        hammer(workload("hammer", go="1.27.3")) as program,
        agent(tmp_path / "log", "--exe", "/nowhere/*", *out, *pages.flags),
    ):
        eventually(lambda: pages.status("healthz") == 200)
        refused = otelchan("run", program.pid, "--otlp-file", tmp_path / "other", *pages.flags)
        open_to_all = otelchan("run", program.pid, *out, "--status-listen", "0.0.0.0:9464")
    assert (2, 2) == (refused.returncode, open_to_all.returncode)
    assert refused.stderr == (
        f"otelchan: status.listen is {pages.address}, where nobody can listen: Address already in use; give another "
        "address or port\n"
    )
    assert "which is no loopback address" in open_to_all.stderr
