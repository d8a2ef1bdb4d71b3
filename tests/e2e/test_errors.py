"""Everything a user can get wrong: one sentence with what, value and next step, exit status 2, no traceback."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.agent import OTELCHAN, agent, clean_environment, otelchan
from tests.support.hammer import hammer


def refused(*arguments: str | int | Path, **kwargs: object) -> str:
    """The one line that a refused command says."""
    done = otelchan(*arguments, **kwargs)  # type: ignore[arg-type]
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if line.startswith("otelchan: ")]
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_a_pid_that_does_not_exist() -> None:
    """Named with its number and where to look."""
    line = refused("run", 4194303)

    assert line == (
        "otelchan: there is no running process 4194303; look its id up again, for example with `pgrep -a NAME`"
    )


@pytest.mark.parametrize("command", ["run", "census"])
def test_a_program_that_is_not_go(command: str) -> None:
    """Named with its executable."""
    program = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        line = refused(command, program.pid)
    finally:
        program.kill()
        program.wait()

    assert f"pid {program.pid}: {Path(sys.executable).resolve()} is not a Go executable" in line


def test_a_go_that_is_too_old(workload: Callable[..., Path]) -> None:
    """Named with its release and the supported ones."""
    with hammer(workload("hammer", go="1.24.11")) as program:
        line = refused("run", program.pid)

    assert "go1.24.11" in line
    assert "1.26" in line


def test_a_go_that_is_too_new(workload: Callable[..., Path], tmp_path: Path) -> None:
    """A release that nobody has measured is refused, not guessed at: here a real binary that says it is go1.28.1."""
    binary = tmp_path / "future"
    content = workload("hammer", go="1.27.3").read_bytes()
    binary.write_bytes(content.replace(b"go1.27.3", b"go1.28.1"))
    binary.chmod(0o755)
    with hammer(binary) as program:
        line = refused("run", program.pid)

    assert "built with go1.28.1; otelchan supports Go 1.26 and 1.27, so update otelchan" in line


def test_not_enough_privileges(workload: Callable[..., Path]) -> None:
    """Without capabilities, here root's with all of them taken away, it is told which are missing."""
    with hammer(workload("hammer", go="1.27.3")) as program:
        command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", str(OTELCHAN), "run", str(program.pid)]
        done = subprocess.run(command, capture_output=True, text=True, env=clean_environment(), check=False)

    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1
    assert "CAP_BPF and CAP_PERFMON" in done.stderr


def test_a_kernel_without_uprobe_multi(workload: Callable[..., Path]) -> None:
    """The missing feature and the kernel that has it are named; nothing is attached."""
    with hammer(workload("hammer", go="1.27.3")) as program:
        command = [sys.executable, "-m", "tests.support.old_kernel", str(OTELCHAN), "run", str(program.pid)]
        root = Path(__file__).parents[2]
        done = subprocess.run(command, capture_output=True, text=True, cwd=root, env=clean_environment(), check=False)

    assert done.returncode == 2, done.stderr
    assert done.stderr == "otelchan: the kernel has no uprobe_multi links; use Linux 6.6 or newer\n"


def test_libbpf_that_is_not_installed(workload: Callable[..., Path], tmp_path: Path) -> None:
    """The package to install is named: here the loader finds an empty file under the library's name first."""
    (tmp_path / "libbpf.so.1").write_bytes(b"")
    with hammer(workload("hammer", go="1.27.3")) as program:
        line = refused("run", program.pid, env={"LD_LIBRARY_PATH": str(tmp_path)})

    assert "libbpf" in line
    assert "apt-get install libbpf1" in line


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
