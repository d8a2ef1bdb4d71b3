"""The image: what is in it, what it says of itself, and that it is made again the same; then what it does under runc
with as little as Kubernetes gives it.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from otelchan import __version__
from tests.support import image as images
from tests.support.forms import WRITABLE
from tests.support.gobuild import source_line
from tests.support.hammer import hammer
from tests.support.image import Built
from tests.support.runc import CAPABILITIES, Image, Json, Mount, container

pytestmark = pytest.mark.kernel

MEBIBYTE = 1 << 20
SITE = "usr/local/lib/python3.11/dist-packages"
FORBIDDEN = (
    "sh", "bash", "dash", "busybox", "apt", "apt-get", "dpkg", "pip", "pip3", "gcc", "cc", "clang", "ld", "make",
    "perl", "curl", "wget", "su", "mount",
)  # fmt: skip


def files(image: Image) -> list[Path]:
    """Everything in it but links."""
    return [path for path in image.rootfs.rglob("*") if not path.is_symlink()]


def sbom(image: Image) -> Json:
    """Its list of what is in it."""
    found: Json = json.loads((image.rootfs / "usr/share/otelchan/sbom.cdx.json").read_text())
    return found


def test_it_says_what_it_is(image: Built) -> None:
    """Version, revision, source and licences as labels; otelchan is what starts, as root."""
    prefix = "org.opencontainers.image."
    labels = {name.removeprefix(prefix): text for name, text in image.config["Labels"].items() if prefix in name}
    assert (__version__, images.revision()) == (labels["version"], labels["revision"])
    assert {"title", "description", "version", "revision", "source", "licenses"} == set(labels)
    assert "" not in labels.values()
    assert (["/usr/bin/otelchan"], ["--help"]) == (image.config["Entrypoint"], image.config["Cmd"])
    assert "0:0" == image.config["User"]


def test_it_is_small(image: Built) -> None:
    """Less than 60 MB are pulled; unpacked it is three times that, half of which is NumPy, gRPC and byte code."""
    unpacked = sum(path.stat().st_size for path in files(image) if path.is_file())
    assert 60e6 > image.compressed_bytes
    assert 180e6 > unpacked


def test_nothing_in_it_installs_compiles_or_is_a_shell(image: Image) -> None:
    """Whoever gets in finds Python and otelchan only."""
    found = {path.name for path in image.rootfs.rglob("*") if path.parent.name in ("bin", "sbin")}
    assert {"otelchan", "python3", "python3.11"} == found
    assert [] == [str(path) for path in files(image) if path.name in FORBIDDEN and path.is_file()]
    assert [] == list(image.rootfs.glob(f"{SITE}/pip*"))


def test_nobody_but_root_may_write_in_it(image: Image) -> None:
    """All is root's, nothing gives more rights to who runs it, and only /tmp is everybody's."""
    wrong = []
    for path in files(image):
        about = path.stat()
        if about.st_mode & 0o6022 or (about.st_uid, about.st_gid) != (0, 0):
            wrong.append(f"/{path.relative_to(image.rootfs)} {stat.filemode(about.st_mode)}")
    assert ["/tmp drwxrwxrwt"] == wrong


def test_its_list_of_parts_is_cyclonedx(image: Image) -> None:
    """As the schema of CycloneDX 1.6 has it; a wrong type is found."""
    check = JsonStrictValidator(SchemaVersion.V1_6)
    made = sbom(image)
    assert check.validate_str(json.dumps(made)) is None
    made["components"][0]["type"] = "stone"
    assert check.validate_str(json.dumps(made)) is not None


def test_its_list_of_parts_is_complete(image: Image) -> None:
    """Every package of Debian that was unpacked, and every one of Python that Python finds, with these versions."""
    parts = {each["purl"].split("?")[0] for each in sbom(image)["components"]}
    wanted = {line.split()[0] for line in (images.FOLDER / "packages.txt").read_text().splitlines() if line[0] != "#"}
    assert wanted == {purl.split("/")[2].split("@")[0].replace("%2B", "+") for purl in parts if "pkg:deb/" in purl}
    installed = set()
    for path in image.rootfs.glob(f"{SITE}/*.dist-info"):
        name, version = path.name.removesuffix(".dist-info").split("-")
        installed.add(f"pkg:pypi/{name.lower().replace('_', '-')}@{version}")
    assert installed == {purl for purl in parts if "pkg:pypi/" in purl}
    assert f"pkg:pypi/otelchan@{__version__}" in parts


def test_licences_are_in_it(image: Image) -> None:
    """Of each package of Debian, and of otelchan, with both of its kernel side."""
    for path in (image.rootfs / "var/lib/dpkg/status.d").iterdir():
        assert (image.rootfs / "usr/share/doc" / path.name / "copyright").exists(), path.name
    mine = {path.name for path in image.rootfs.glob(f"{SITE}/otelchan-*.dist-info/licenses/**/*") if path.is_file()}
    assert {"LICENSE", "BSD-2-Clause.txt", "GPL-2.0-only.txt"} == mine


def test_a_library_that_nobody_brings_stops_the_build(tmp_path: Path) -> None:
    """It is named, with who asks for it; what is there is not."""
    about = importlib.util.spec_from_file_location("root", images.FOLDER / "root.py")
    assert about and about.loader
    root = importlib.util.module_from_spec(about)
    about.loader.exec_module(root)
    shutil.copy2("/bin/true", tmp_path / "true")
    assert ["true: libc.so.6"] == root.missing_libraries(tmp_path)
    (tmp_path / "libc.so.6").touch()
    assert [] == root.missing_libraries(tmp_path)


def test_the_same_source_gives_the_same_image(image: Built, tmp_path: Path) -> None:
    """Another build in another folder, with nothing kept but the base: its layer has the same bytes."""
    assert image.layer == images.again(tmp_path / "again").layer


def test_it_knows_its_revision(image: Built) -> None:
    """What `otelchan --version` says is what its labels say; it needs no rights."""
    with container(image, "--version") as running:
        assert 0 == running.wait(), running.errors
    assert f"otelchan {__version__}, revision {image.config['Labels']['org.opencontainers.image.revision']}" in (
        running.output.strip()
    )


def test_it_is_run_with_exactly_what_it_is_given(image: Image, tmp_path: Path) -> None:
    """Four capabilities and no way to more, a filter of system calls, and a root that cannot be written."""
    script = tmp_path / "look.py"
    script.write_text(
        "import pathlib\nprint(pathlib.Path('/proc/self/status').read_text())\npathlib.Path('/usr/x').touch()\n"
    )
    python = Image(image.rootfs, {**image.config, "Entrypoint": ["/usr/bin/python3"]})
    with container(python, "/look.py", caps=CAPABILITIES, pid="host", mounts=[Mount(script, "/look.py")]) as running:
        assert 1 == running.wait()
    status = dict(re.findall(r"^(\w+):\t(.*)$", running.output, re.M))
    four = f"{1 << 39 | 1 << 38 | 1 << 19 | 1 << 2:016x}"  # include/uapi/linux/capability.h
    assert [four] * 3 == [status[f"Cap{which}"] for which in ("Prm", "Eff", "Bnd")]
    assert ("1", "2") == (status["NoNewPrivs"], status["Seccomp"])
    assert "Read-only file system: '/usr/x'" in running.errors


def test_doctor_and_census_work_in_it(image: Image, workload: Callable[..., Path]) -> None:
    """With the machine's process ids: of a program outside."""
    with hammer(workload("hammer")) as program:
        for command in ("doctor", "census"):
            with container(image, command, program.pid, caps=CAPABILITIES, pid="host", mounts=WRITABLE) as looking:
                assert 0 == looking.wait(), looking.output + looking.errors
            assert ("\nready" in looking.output) == (command == "doctor")
        assert f"pid {program.pid}" in looking.output


def test_a_leak_is_found_from_it(image: Image, workload: Callable[..., Path]) -> None:
    """Of a program outside, with probes; with the line of its source that it is stuck at."""
    with subprocess.Popen([workload("leaky")], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as program:
        try:
            command = ("findings", program.pid, "--duration", "12", "--json")
            with container(image, *command, caps=CAPABILITIES, pid="host", mounts=WRITABLE) as looking:
                assert 1 == looking.wait(120), looking.output + looking.errors
        finally:
            program.kill()
    assert "F1" in looking.output
    assert f"main.go:{source_line('leaky', 'leak: the goroutines are stuck here')}" in looking.output
