"""Everything a user can get wrong: one sentence with what, value and next step, exit status 2, no traceback."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.agent import OTELCHAN, agent, clean_environment, otelchan
from tests.support.hammer import hammer
from tests.support.machines import BCC, HEADERS, capabilities, hiding, old_kernel, replacing
from tests.support.programs import not_go
from tests.support.refusals import refused

ROOT = Path(__file__).parents[2]
UNSAFE = """
#include "portable.h"
#include "otelchan.h"
#include "maps.h"
SEC("uprobe")
int oc_dispatch(struct pt_regs *ctx)
{
	struct oc_gkey key = {};
	struct oc_park *park = MAP_LOOKUP(parked, &key);
	return park->time;
}
LICENSE("Dual BSD/GPL")
"""


def test_a_pid_that_does_not_exist() -> None:
    """Named with its number and where to look."""
    line = refused("run", 4194303)

    assert line == (
        "otelchan: there is no running process 4194303; look its id up again, for example with `pgrep -a NAME`"
    )


@pytest.mark.parametrize("command", ["run", "census"])
def test_a_program_that_is_not_go(command: str) -> None:
    """Named with its executable."""
    with not_go() as program:
        line = refused(command, program.pid)

    assert f"pid {program.pid}: {Path(sys.executable).resolve()} is not a Go executable" in line


@pytest.mark.parametrize(
    ("release", "way_out"),
    [("go1.18.9", "so build it with one of those"), ("go1.28.1", "so update otelchan or build it with one of those")],
)
def test_a_go_that_is_too_old_or_too_new(
    workload: Callable[..., Path], tmp_path: Path, release: str, way_out: str
) -> None:
    """A release that nobody has measured is refused, not guessed at: here a real binary that says it is another one."""
    binary = tmp_path / "other"
    content = workload("hammer", go="1.27.3").read_bytes()
    binary.write_bytes(content.replace(b"go1.27.3", release.encode()))
    binary.chmod(0o755)
    with hammer(binary) as program:
        line = refused("run", program.pid)

    assert f"built with {release}; otelchan supports Go 1.19 to 1.27, {way_out}" in line


def test_not_enough_privileges(workload: Callable[..., Path]) -> None:
    """Without capabilities, here root's with all of them taken away, it is told which are missing."""
    with hammer(workload("hammer", go="1.27.3")) as program:
        command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", str(OTELCHAN), "run", str(program.pid)]
        done = subprocess.run(command, capture_output=True, text=True, env=clean_environment(), check=False)

    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1
    assert "CAP_BPF and CAP_PERFMON" in done.stderr


def test_a_kernel_without_uprobe_multi(workload: Callable[..., Path]) -> None:
    """Where such links are insisted on, the missing feature and both ways out are named; nothing is attached."""
    with hammer(workload("hammer", go="1.27.3")) as program:
        line = refused("run", program.pid, "--attach", "multi", inside=old_kernel())

    assert line == "otelchan: the kernel has no uprobe_multi links; use Linux 6.6 or newer, or `--attach perf`"


def test_perf_events_that_are_not_permitted(workload: Callable[..., Path]) -> None:
    """What is enough for uprobe_multi links is not for perf events: the capability that is missing is named."""
    enough_for_multi = capabilities("bpf", "perfmon", "sys_ptrace", "dac_read_search")
    with hammer(workload("hammer", go="1.27.3")) as program:
        line = refused("run", program.pid, "--attach", "perf", inside=enough_for_multi)

    assert line == (
        "otelchan: perf events for uprobes are not permitted; run as root or with CAP_SYS_ADMIN, or `--attach multi`"
    )


def test_neither_way_of_attaching(workload: Callable[..., Path]) -> None:
    """Both reasons and both ways out are in the one sentence."""
    machine = [*old_kernel(), "/usr/bin/setpriv", *capabilities("bpf", "perfmon", "sys_ptrace", "dac_read_search")[1:]]
    with hammer(workload("hammer", go="1.27.3")) as program:
        line = refused("run", program.pid, inside=machine)

    assert line == (
        "otelchan: the kernel has no uprobe_multi links and perf events for uprobes are not permitted; "
        "use Linux 6.6 or newer, or run as root or with CAP_SYS_ADMIN"
    )


@pytest.fixture
def no_libbpf(tmp_path: Path) -> dict[str, str]:
    """The loader finds an empty file under the library's name first."""
    (tmp_path / "libbpf.so.1").write_bytes(b"")
    return {"LD_LIBRARY_PATH": str(tmp_path)}


def test_libbpf_that_is_not_installed(workload: Callable[..., Path], no_libbpf: dict[str, str]) -> None:
    """Where it is insisted on, the package to install is named."""
    with hammer(workload("hammer", go="1.27.3")) as program:
        line = refused("run", program.pid, "--backend", "libbpf", env=no_libbpf)

    assert "libbpf.so.1 cannot be loaded" in line
    assert line.endswith("install it (Debian, Ubuntu: apt-get install libbpf1)")


def test_neither_libbpf_nor_bcc(workload: Callable[..., Path], no_libbpf: dict[str, str]) -> None:
    """Both packages are named."""
    with hammer(workload("hammer", go="1.27.3")) as program:
        line = refused("run", program.pid, env=no_libbpf, inside=hiding(BCC))

    assert "apt-get install libbpf1); nor can BCC take its place: " in line
    assert line.endswith("apt-get install python3-bpfcc)")


def test_bcc_that_is_not_installed(workload: Callable[..., Path]) -> None:
    """The package to install is named, and whose Python was asked."""
    with hammer(workload("hammer", go="1.27.3")) as program:
        line = refused("run", program.pid, "--backend", "bcc", inside=hiding(BCC))

    assert line.startswith("otelchan: /usr/bin/python3 cannot import BCC (")
    assert line.endswith("; install it (Debian, Ubuntu: apt-get install python3-bpfcc)")


def test_kernel_headers_that_are_not_installed(workload: Callable[..., Path]) -> None:
    """Where they were looked for, and the packages to install."""
    with hammer(workload("hammer", go="1.27.3")) as program:
        line = refused("run", program.pid, "--backend", "bcc", inside=hiding(*HEADERS))

    assert line == (
        "otelchan: BCC needs kernel headers, and there are none in /lib/modules or /usr/src; install some "
        "(Debian: apt-get install linux-headers-amd64, Ubuntu: linux-headers-generic)"
    )


def test_source_that_bcc_cannot_compile(workload: Callable[..., Path], tmp_path: Path) -> None:
    """The compiler's first complaint, with its line; here from a source of ours instead of the shipped one."""
    source = ROOT / "bpf" / "otelchan.bpf.c"
    broken = tmp_path / "broken.c"
    broken.write_text("int fine;\n#error it is broken\n")
    with hammer(workload("hammer", go="1.27.3")) as program:
        line = refused("run", program.pid, "--backend", "bcc", inside=replacing(source, broken))

    assert line == (
        f"otelchan: BCC cannot compile {source}: /virtual/main.c:2:2: error: it is broken; "
        "use other kernel headers, or libbpf"
    )


def test_a_program_that_the_verifier_refuses(workload: Callable[..., Path], tmp_path: Path) -> None:
    """What the verifier says, in its last words; here of a program that may read through NULL, by BCC."""
    unsafe = tmp_path / "unsafe.c"
    unsafe.write_text(UNSAFE)
    with hammer(workload("hammer", go="1.27.3")) as program:
        machine = replacing(ROOT / "bpf" / "otelchan.bpf.c", unsafe)
        line = refused("run", program.pid, "--backend", "bcc", inside=machine)

    assert line == (
        "otelchan: the kernel refused the BPF program: Permission denied; the verifier's last words: "
        "R0 invalid mem access 'map_value_or_null'; run `otelchan doctor`"
    )


def test_another_otelchan_on_the_target(workload: Callable[..., Path], tmp_path: Path) -> None:
    """Two agents would count everything twice; the second one is told who the first is."""
    with (
        hammer(workload("hammer", go="1.27.3")) as program,
        agent(tmp_path / "log", program.pid, "--otlp-file", tmp_path / "out") as first,
    ):
        first.wait_attached()
        line = refused("run", program.pid, "--otlp-file", tmp_path / "out2")

    assert str(program.pid) in line
    assert str(first.pid) in line


def test_an_unknown_key_in_the_configuration(tmp_path: Path) -> None:
    """The key, the file and the nearest known key are named."""
    config = tmp_path / "otelchan.yaml"
    config.write_text("intervall_s: 5\n")

    line = refused("run", 1, "--config", config)

    assert "intervall_s" in line
    assert "interval_s" in line.replace("intervall_s", "")
    assert str(config) in line


def test_a_flag_with_a_wrong_value() -> None:
    """The flag's error is argparse's, in the same form and with the same status."""
    done = otelchan("run", 1, "--max-overhead", "lots")

    assert done.returncode == 2
    assert "--max-overhead" in done.stderr or "max_overhead" in done.stderr
    assert "Traceback" not in done.stderr
