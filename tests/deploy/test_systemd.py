"""deploy/systemd as people use it: installed by the commands of docs/install.md, started by a real systemd."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics

from otelchan.kernel.capabilities import Capability
from tests.support import eventually, require_kernel, wheel
from tests.support.installing import blocks
from tests.support.otlp_server import Answer, OtlpServer, otlp_server
from tests.support.status import StatusPages
from tests.support.systemd import SYSTEMD, Machine, booted

pytestmark = pytest.mark.kernel

Server = OtlpServer[Answer]
FIVE = {getattr(Capability, name) for name in ("BPF", "PERFMON", "SYS_PTRACE", "DAC_READ_SEARCH", "SYS_NICE")}
SETTINGS = Path("etc/systemd/system/otelchan.service.d/settings.conf")
CHANGE = Path("etc/systemd/system/otelchan.service.d/zz-change.conf")
CONFIGURATION = Path("etc/otelchan/otelchan.yaml")
PRIVATE = Path("/home/shop")  # a folder that only its owner may enter, and that ProtectHome= takes away
# This systemd has process ids of its own, and `busy` is too dear to be counted one by one.
BELONGS_HERE = r"this agent has process ids of its own|pid \d+: the \w+ plane (is detached: in a|needs the)"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Where telemetry goes."""
    with otlp_server() as running:
        yield running


@pytest.fixture(scope="module")
def pages() -> StatusPages:
    """Where otelchan says how it is."""
    return StatusPages()


@pytest.fixture(scope="module")
def machine(
    server: Server, pages: StatusPages, workload: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Machine]:
    """Where otelchan was installed by the commands of the page, a program runs that leaks, and one that is busy."""
    if not SYSTEMD.exists():
        require_kernel(f"there is no {SYSTEMD}: install Debian's systemd")
    folder = tmp_path_factory.mktemp("systemd")
    (folder / "machine").mkdir()
    with booted(folder / "machine") as running:
        running.run("rm", "-rf", "/opt/otelchan", "/var/cache/otelchan", "/var/lib/otelchan")
        shutil.copy(wheel.built(folder / "wheel"), running.root / "root")
        drop_in(
            running,
            SETTINGS,
            f"Environment=OTELCHAN_STATUS_LISTEN={pages.address} OTEL_EXPORTER_OTLP_ENDPOINT={server.url}",
            "Environment=OTELCHAN_INTERVAL_S=1 OTELCHAN_MAX_OVERHEAD=1",
        )
        start_programs(running, workload)
        install(running)
        yield running


def install(machine: Machine) -> None:
    """As the page says, all of it."""
    began = time.monotonic()
    machine.run("sh", "-ec", f"cd /root\n{blocks('systemd')[0]}", timeout=300)
    print(f"from nothing to a service that has started: {time.monotonic() - began:.1f} s")


def start_programs(machine: Machine, workload: Callable[..., Path]) -> None:
    """`shop` leaks, is nobody's and in a folder of nobody; `busy` does operations for ever."""
    machine.run("install", "-d", "-m", "700", "-o", "nobody", PRIVATE)
    for name, own in (("leaky", PRIVATE / "shop"), ("hammer", PRIVATE / "busy")):
        shutil.copy(workload(name), machine.root / str(own)[1:])
        machine.run("chown", "nobody", own)
        machine.run("chmod", "700", own)
    start = ("systemd-run", "--collect", "--property=User=nobody")
    machine.run(*start, "--unit=shop", PRIVATE / "shop")
    machine.run(*start, "--unit=busy", "sh", "-c", f"(echo run; exec sleep 1000) | exec {PRIVATE}/busy")


def drop_in(machine: Machine, path: Path, *lines: str) -> None:
    """Settings of the unit beside its file, as `systemctl edit` makes them."""
    (machine.root / path).parent.mkdir(parents=True, exist_ok=True)
    (machine.root / path).write_text("\n".join(["[Service]", *lines, ""]))
    machine.run("systemctl", "daemon-reload")


@contextmanager
def changed(machine: Machine, *lines: str) -> Iterator[None]:
    """The unit with these settings too, stopped; afterwards it runs as it was."""
    machine.run("systemctl", "stop", "otelchan")
    drop_in(machine, CHANGE, *lines)
    try:
        yield
    finally:
        (machine.root / CHANGE).unlink()
        machine.run("systemctl", "daemon-reload")
        machine.run("systemctl", "reset-failed", "otelchan", check=False)
        machine.run("systemctl", "restart", "otelchan")


@contextmanager
def wrong_configuration(machine: Machine) -> Iterator[str]:
    """The file has a setting that nobody knows; where it is said to be."""
    path = machine.root / CONFIGURATION
    right = path.read_text()
    path.write_text("interval_s: 1\nintervall_s: 2\n")
    try:
        yield f"/{CONFIGURATION}:2: unknown setting intervall_s"
    finally:
        path.write_text(right)


def lines(machine: Machine, *arguments: str) -> list[str]:
    """What the service has said."""
    return machine.journal("--unit=otelchan", *arguments).splitlines()


def now(machine: Machine) -> str:
    """For `journalctl --since=`."""
    return machine.run("date", "+@%s.%6N").stdout.strip()


def resources(server: Server) -> Iterator[ResourceMetrics]:
    """All that has come of metrics."""
    for request in list(server.of("/v1/metrics")):
        yield from request.metrics().resource_metrics


def leaks(server: Server) -> set[str]:
    """Executables of programs of which F1 was told."""
    found = set()
    for resource in resources(server):
        names = {each.key: each.value.string_value for each in resource.resource.attributes}
        for metric in (metric for scope in resource.scope_metrics for metric in scope.metrics):
            ids = {each.value.string_value for point in metric.gauge.data_points for each in point.attributes}
            if metric.name == "otelchan.finding" and "F1" in ids:
                found.add(names["process.executable.path"])
    return found


def threads(machine: Machine) -> list[dict[str, Any]]:
    """What is known of each thread of the service."""
    pid = machine.show("otelchan", "MainPID")
    texts = [path.read_text() for path in (machine.root / "proc" / pid / "task").glob("*/status")]
    return [dict(line.split(":\t", 1) for line in text.splitlines()) for text in texts]


def held(thread: dict[str, Any], *sets: str) -> set[int]:
    """Capabilities."""
    return {number for number in range(64) for name in sets if int(thread[name], 16) >> number & 1}


def test_a_leak_in_another_users_program_is_told(machine: Machine, server: Server) -> None:
    """The unit as it is, and a program in a folder that only its owner may enter and that is not even there for the
    service."""
    began = time.monotonic()
    eventually(lambda: str(PRIVATE / "shop") in leaks(server), 90)
    print(f"its leak has arrived after another {time.monotonic() - began:.1f} s")

    assert ("active", "running") == (machine.show("otelchan", "ActiveState"), machine.show("otelchan", "SubState"))
    assert {str(PRIVATE / "shop")} == leaks(server)
    assert re.fullmatch(r"watches \d+ programs, \d+ refused", machine.show("otelchan", "StatusText"))


def test_nothing_is_missed_and_nothing_is_more_than_it_needs(machine: Machine) -> None:
    """No line in the journal says that something was refused; no thread has a capability that is not of the unit."""
    found = threads(machine)
    assert {"otelchan"} == {machine.run("id", "-nu", thread["Uid"].split()[0]).stdout.strip() for thread in found}
    assert [] == [
        thread["Name"] for thread in found if not held(thread, "CapPrm", "CapEff", "CapBnd", "CapAmb") <= FIVE
    ]
    assert [] == [thread["Name"] for thread in found if Capability.BPF in held(thread, "CapPrm", "CapEff", "CapAmb")]
    assert {("1", "2")} == {(thread["NoNewPrivs"], thread["Seccomp"]) for thread in found}
    assert [] == [line for line in lines(machine, "--priority=warning") if not re.search(BELONGS_HERE, line)]
    assert [] == [line for line in lines(machine) if re.match(r"<\d>|20\d\d-", line)]


def test_time_slices_work_in_it(machine: Machine, pages: StatusPages) -> None:
    """Operations of a program that are too dear are estimated: samples of its threads, by a thread that goes first."""

    def sliced() -> bool:
        (busy,) = [each for each in pages.document("readyz")["watched"] if each["executable"].endswith("/busy")]
        return bool(busy["overhead"]["slices"] >= 3)

    eventually(sliced, 60)
    policies: set[str] = set()
    deadline = time.monotonic() + 20
    pid = machine.show("otelchan", "MainPID")
    while "1" not in policies and time.monotonic() < deadline:  # SCHED_FIFO, while traps are in
        for stat in (machine.root / "proc" / pid / "task").glob("*/stat"):
            policies.add(stat.read_text().rpartition(")")[2].split()[38])
    assert "1" in policies


def test_shells_and_man_find_what_the_wheel_has(machine: Machine) -> None:
    """By the commands of the page."""
    machine.run("sh", "-ec", blocks("Shells and the manual page")[0])
    complete = 'COMP_WORDS=(otelchan fi) COMP_CWORD=1; . "$1"; $(complete -p otelchan | sed "s/.*-F \\(\\S*\\).*/\\1/")'
    bash = f'{complete} otelchan fi otelchan; echo "${{COMPREPLY[@]}}"'
    file = "/usr/local/share/bash-completion/completions/otelchan"
    assert "findings" == machine.run("bash", "-c", bash, "bash", file).stdout.strip()
    page = machine.run("groff", "-man", "-Tascii", "-ww", "/usr/local/share/man/man1/otelchan.1")
    assert "" == page.stderr
    assert "OTELCHAN(1)" in page.stdout
    assert machine.run("/usr/local/bin/otelchan", "--version").stdout.startswith("otelchan 0.")


def test_a_reload_reads_the_file_again(machine: Machine) -> None:
    """After systemd has had it checked."""
    path, since = machine.root / CONFIGURATION, now(machine)
    path.write_text(path.read_text().replace("spans_per_second: 50\n", "") + "spans_per_second: 50\n")
    machine.run("systemctl", "reload", "otelchan")

    changed_it = "configuration: spans_per_second: 100 -> 50"
    eventually(lambda: any(changed_it in line for line in lines(machine, f"--since={since}")))
    assert "active" == machine.show("otelchan", "ActiveState")


def test_a_reload_of_a_file_with_an_error_fails(machine: Machine) -> None:
    """With the line; the service goes on."""
    pid = machine.show("otelchan", "MainPID")
    with wrong_configuration(machine) as where:
        done = machine.run("systemctl", "reload", "otelchan", check=False)
        said = lines(machine)

    assert 0 != done.returncode
    assert any(where in line for line in said), said
    assert (pid, "active") == (machine.show("otelchan", "MainPID"), machine.show("otelchan", "ActiveState"))


def test_a_start_with_an_error_in_the_file_fails_once(machine: Machine) -> None:
    """`systemctl start` fails, an error in the journal says the line, and nobody tries it again and again."""
    with changed(machine), wrong_configuration(machine) as where:
        done = machine.run("systemctl", "start", "otelchan", check=False)
        time.sleep(6)  # longer than RestartSec=
        assert 0 != done.returncode
        assert ("failed", "0", "2") == tuple(
            machine.show("otelchan", name) for name in ("ActiveState", "NRestarts", "ExecMainStatus")
        )
        said = [json.loads(line) for line in lines(machine, "--output=json", "--priority=err")]
    assert [f"otelchan: {where}"] == [line["MESSAGE"][: len(where) + 10] for line in said if where in line["MESSAGE"]][
        :1
    ]
    assert {"3"} == {line["PRIORITY"] for line in said}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("SystemCallFilter=~bpf", "loading a BPF program is not permitted"),
        ("SystemCallFilter=~capset", "capabilities cannot be given up"),
        ("SystemCallFilter=~perf_event_open", "may not be sampled"),
        ("CapabilityBoundingSet=~CAP_SYS_PTRACE", "programs of other users are not seen"),
        ("CapabilityBoundingSet=~CAP_DAC_READ_SEARCH", "whose executables this user may not read are not seen"),
    ],
)
def test_what_is_taken_out_of_the_unit_is_missed(machine: Machine, line: str, said: str) -> None:
    """Each of them is in force, and is there because otelchan needs it."""
    since = now(machine)
    with changed(machine, line):
        machine.run("systemctl", "start", "otelchan", check=False)
        eventually(lambda: any(said in each for each in lines(machine, f"--since={since}")), 30)


def test_a_service_that_hangs_is_ended_and_started_again(machine: Machine) -> None:
    """By the watchdog, which nothing else needed so far."""
    assert "0" == machine.show("otelchan", "NRestarts")
    with changed(machine, "WatchdogSec=2", "RestartSec=100ms", "TimeoutAbortSec=3"):
        machine.run("systemctl", "start", "otelchan")
        time.sleep(5)  # it is heard in time
        pid, since = machine.show("otelchan", "MainPID"), now(machine)
        assert "0" == machine.show("otelchan", "NRestarts")
        machine.run("kill", "-STOP", pid)
        eventually(lambda: machine.show("otelchan", "NRestarts") == "1", 30)
        eventually(lambda: machine.show("otelchan", "ActiveState") == "active", 30)
        assert pid != machine.show("otelchan", "MainPID")
        said = "\n".join(lines(machine, f"--since={since}"))
        assert "Watchdog timeout" in said
        assert "Fatal Python error: Aborted" in said  # and the stacks follow
        assert "agent.py" in said


def test_a_look_by_hand_is_as_the_page_says(machine: Machine) -> None:
    """The commands for pip, of which the first two are those of the service; with another program than 4711."""
    *install_it, doctor, findings = blocks("pip")[0].splitlines()
    assert blocks("systemd")[0].splitlines()[:2] == install_it
    assert "ready" in machine.run("sh", "-c", doctor).stdout
    machine.run("systemctl", "stop", "otelchan")
    pid = machine.show("shop", "MainPID")
    done = machine.run("sh", "-c", findings.replace("4711", pid).replace("40", "15"), check=False)
    machine.run("systemctl", "start", "otelchan")
    assert 1 == done.returncode, done.stderr  # something was found
    assert re.search(r"^1\. \w+ F1: ", done.stdout, re.M), done.stdout


def test_it_can_be_removed(machine: Machine) -> None:
    """By the commands of the page; nothing is left of it."""
    (commands,) = blocks("Another version, and none")
    eventually(lambda: any((machine.root / "run/otelchan").iterdir()))
    machine.run("sh", "-ec", commands)
    places = ("etc", "run", "opt", "var/lib", "var/cache")
    left = [path for place in places for path in (machine.root / place).glob("otelchan*")]
    assert [] == left
    assert "" == machine.run("getent", "passwd", "otelchan", check=False).stdout
    assert "inactive" == machine.show("otelchan", "ActiveState")
