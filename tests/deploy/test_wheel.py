"""The wheel: what is in it, that the same source gives the same bytes, and what it does where nothing else of the
project is."""

from __future__ import annotations

import json
import re
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from io import BytesIO
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from otelchan import __version__
from tests.support.gobuild import source_line
from tests.support.otlp_server import otlp_server
from tests.support.wheel import REVISION, Built, build, copy_source, installed

INFO = f"otelchan-{__version__}.dist-info"
DATA = f"otelchan-{__version__}.data/data"
TAGS = ["py3-none-manylinux_2_17_aarch64", "py3-none-manylinux_2_17_x86_64"]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree as it is now, so that nobody changes it between two builds."""
    return copy_source(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def built(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The archives."""
    return build(source, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def programs(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a virtual environment with the wheel, without extras."""
    return installed(tmp_path_factory.mktemp("venv"), built.wheel)


def told(programs: Path, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """The installed otelchan where nothing but its environment's programs is on PATH, and no compiler."""
    return subprocess.run(
        [str(programs / "otelchan"), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd="/",
        env={"PATH": str(programs), **environment},
    )


@contextmanager
def running(binary: Path) -> Iterator[int]:
    """The pid of a program."""
    with subprocess.Popen([binary], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield process.pid
        finally:
            process.kill()


def test_the_wheel_has_the_package_and_nothing_else(source: Path, built: Built) -> None:
    """Every file that git knows in otelchan/, what the build adds, and no tests, caches or editor's files."""
    with zipfile.ZipFile(built.wheel) as archive:
        names = archive.namelist()
    package = {str(path.relative_to(source)) for path in (source / "otelchan").rglob("*") if path.is_file()}
    kernel_side = {f"otelchan/bpf/{path.name}" for path in (source / "bpf").iterdir()}
    objects = {f"otelchan/bpf/otelchan.{machine}.bpf.o" for machine in ("x86_64", "aarch64")}
    shells = {
        f"{DATA}/share/man/man1/otelchan.1",
        f"{DATA}/share/bash-completion/completions/otelchan",
        f"{DATA}/share/zsh/site-functions/_otelchan",
        f"{DATA}/share/fish/vendor_completions.d/otelchan.fish",
    }
    systemd = {f"{DATA}/share/otelchan/systemd/{path.name}" for path in (source / "deploy/systemd").glob("otelchan.*")}
    licences = ("LICENSE", "LICENSES/BSD-2-Clause.txt", "LICENSES/GPL-2.0-only.txt")
    info = {f"{INFO}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt")}
    info |= {f"{INFO}/licenses/{name}" for name in licences}

    assert len(names) == len(set(names))
    assert package | kernel_side | objects | shells | systemd | info | {"otelchan/revision.txt"} == set(names)


def test_the_source_archive_has_what_the_wheel_is_made_of(built: Built) -> None:
    """And neither tests nor objects, and the wheel was made of it: it is built where there is nothing else."""
    with tarfile.open(built.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    wanted = {
        "pyproject.toml",
        "hatch_build.py",
        "scripts/compile_bpf.py",
        "bpf/otelchan.bpf.c",
        "otelchan/revision.txt",
    }
    assert set() == wanted - names
    tops = {name.split("/")[0] for name in names if "/" in name}
    assert {"otelchan", "bpf", "scripts", "LICENSES", "deploy"} >= tops
    assert [] == [name for name in names if name.endswith((".o", ".pyc"))]


def test_the_wheel_says_what_it_is_for(built: Built) -> None:
    """Linux on both machines, in the file's name and in it; not a pure one; licences of the program and of bpf/."""
    with zipfile.ZipFile(built.wheel) as archive:
        wheel = message_from_bytes(archive.read(f"{INFO}/WHEEL"))
        metadata = message_from_bytes(archive.read(f"{INFO}/METADATA"))

    assert TAGS == wheel.get_all("Tag")
    assert "false" == wheel["Root-Is-Purelib"]
    platforms = ".".join(tag.rpartition("-")[2] for tag in TAGS)
    assert f"otelchan-{__version__}-py3-none-{platforms}.whl" == built.wheel.name
    assert "Apache-2.0 AND (GPL-2.0-only OR BSD-2-Clause)" == metadata["License-Expression"]
    assert {"grpc", "tui", "report"} <= set(metadata.get_all("Provides-Extra") or ())
    needed = [line for line in metadata.get_all("Requires-Dist") or () if "extra ==" not in line]
    assert [] == [
        line for line in needed if re.match("grpcio|textual|matplotlib|opentelemetry-exporter-otlp[<>=]", line)
    ]


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_kernel_side_is_there_for_each_machine(built: Built, machine: str) -> None:
    """An object for BPF with types for libbpf, the programs that are loaded, and nothing that only debuggers read."""
    with zipfile.ZipFile(built.wheel) as archive:
        content = archive.read(f"otelchan/bpf/otelchan.{machine}.bpf.o")
    elf = ELFFile(BytesIO(content))
    names = {section.name for section in elf.iter_sections()}
    (table,) = (section for section in elf.iter_sections() if isinstance(section, SymbolTableSection))
    symbols = {symbol.name for symbol in table.iter_symbols()}

    assert "EM_BPF" == elf["e_machine"]
    assert {".BTF", ".BTF.ext", "uprobe"} <= names
    assert {"oc_dispatch", "oc_slice"} <= symbols
    assert [] == [name for name in names if name.startswith(".debug")]


def test_two_builds_in_two_folders_give_the_same_bytes(source: Path, built: Built, tmp_path: Path) -> None:
    """Source archive and wheel: neither folders, nor times, nor the order of files, nor the user's mask are in them."""
    elsewhere = tmp_path / "a folder with another name"
    for path in sorted(source.rglob("*"), reverse=True):
        if path.is_file():
            copy = elsewhere / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    again = build(elsewhere, tmp_path / "dist", TZ="Pacific/Auckland", LC_ALL="C", COLUMNS="40")

    assert built.sdist.read_bytes() == again.sdist.read_bytes()
    assert built.wheel.read_bytes() == again.wheel.read_bytes()


def test_without_a_compiler_the_build_says_what_is_missing(source: Path, tmp_path: Path) -> None:
    """One sentence, and no wheel that lacks its kernel side."""
    with pytest.raises(AssertionError, match=r"no-such-clang is not installed.*apt-get install clang llvm libbpf-dev"):
        build(source, tmp_path, CLANG="no-such-clang")
    assert [] == list(tmp_path.glob("*.whl"))


def test_the_program_says_its_version_and_revision(programs: Path) -> None:
    """Those that the wheel was built from."""
    done = told(programs, "--version")

    assert (0, f"otelchan {__version__}, revision {REVISION}\n") == (done.returncode, done.stdout)


def test_man_finds_the_page(programs: Path) -> None:
    """By the environment's programs on PATH alone; every command is in it."""
    done = subprocess.run(
        ["man", "-P", "cat", "otelchan"],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": f"{programs}:/usr/bin:/bin", "MANWIDTH": "100", "LC_ALL": "C.UTF-8"},
    )

    assert "" == done.stderr
    assert "" == faults(programs.parent / "share/man/man1/otelchan.1")
    assert "otelchan - channels and goroutines of running Go programs" in done.stdout
    assert "otelchan config validate" in done.stdout


def test_faults_of_a_page_are_found(programs: Path, tmp_path: Path) -> None:
    """The check above can fail."""
    page = tmp_path / "otelchan.1"
    page.write_text((programs.parent / "share/man/man1/otelchan.1").read_text() + ".SHH NO SUCH REQUEST\n")

    assert "SHH" in faults(page)


def faults(page: Path) -> str:
    """What groff finds wrong in a manual page."""
    command = ["man", "--warnings", "-l", "-Tutf8", "-Z", str(page)]
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment).stderr


def test_bash_completes_what_was_installed(programs: Path) -> None:
    """The script that is in the wheel, read by bash itself."""
    script = programs.parent / "share/bash-completion/completions/otelchan"
    code = f"""
        source {script}
        COMP_WORDS=(otelchan fin) COMP_CWORD=1 COMPREPLY=(); $(complete -p otelchan | sed 's/.*-F //; s/ .*//')
        echo "${{COMPREPLY[@]}}"
        COMP_WORDS=(otelchan run --att) COMP_CWORD=2 COMPREPLY=(); $(complete -p otelchan | sed 's/.*-F //; s/ .*//')
        echo "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "--norc", "-c", code], capture_output=True, text=True, check=True)

    assert ("findings\n--attach\n", "") == (done.stdout, done.stderr)


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        (("run", "--all", "--duration", "1"), "grpc"),
        (("top", "1"), "tui"),
        (("report", "/etc/hostname", "-o", "x"), "report"),
    ],
)
def test_what_needs_an_extra_says_which(programs: Path, command: tuple[str, ...], extra: str) -> None:
    """One sentence with the command that installs it, exit status 2."""
    done = told(programs, *command, OTEL_EXPORTER_OTLP_PROTOCOL="grpc")

    last = done.stderr.splitlines()[-1]
    assert 2 == done.returncode
    assert re.fullmatch(rf"otelchan: .* not installed; run `pip install 'otelchan\[{extra}\]'`.*", last)


@pytest.mark.kernel
def test_an_installation_without_a_compiler_finds_a_leak(programs: Path, workload: Callable[..., Path]) -> None:
    """From the wheel alone: doctor is ready with its own object, and findings names both lines of a leak."""
    doctor = told(programs, "doctor", "--json", HOME="/root")
    with running(workload("leaky", go="1.27.3")) as pid:
        done = told(programs, "findings", pid, "--duration", 20, "--json")

    checks = {check["subject"]: check for check in json.loads(doctor.stdout)["checks"]}
    assert (0, True) == (doctor.returncode, checks["BPF object"]["found"].startswith(str(programs.parent)))
    (watched,) = json.loads(done.stdout)["processes"]
    (finding,) = watched["findings"]
    assert (1, "F1") == (done.returncode, finding["id"])
    assert f"main.go:{source_line('leaky', 'leak: the channel is made here')}" == finding["made_at"]
    assert source_line("leaky", "leak: the goroutines are stuck here") == finding["site"]["line"]


@pytest.mark.kernel
def test_an_installation_without_extras_exports_over_http(programs: Path, workload: Callable[..., Path]) -> None:
    """Metrics of the program arrive, and those of otelchan: nothing that is needed for it is in an extra only."""
    with otlp_server() as server, running(workload("leaky", go="1.27.3")) as pid:
        endpoint = ("--endpoint", f"http://127.0.0.1:{server.port}")
        done = told(programs, "run", pid, "--interval", 1, "--duration", 4, *endpoint)

    exports = [one.metrics() for one in server.received if one.path == "/v1/metrics"]
    names = {
        metric.name
        for export in exports
        for resource in export.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    assert 0 == done.returncode, done.stderr
    assert {"channel.count", "goroutine.blocked", "otelchan.build.info"} <= names
