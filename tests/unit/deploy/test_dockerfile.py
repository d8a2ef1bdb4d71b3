"""deploy/image as text: what the Dockerfile takes is there, and what it pins is what pyproject.toml asks for."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from otelchan import __version__
from tests.support.image import DOCKERFILE, FOLDER, IGNORE, REPO, context

TEXT = DOCKERFILE.read_text(encoding="utf-8")
PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))


def pinned(name: str) -> dict[str, str]:
    """Versions by names, of a file in which every line is a release and its hashes."""
    text = re.sub(r"^#.*\n", "", (FOLDER / name).read_text(encoding="utf-8"), flags=re.M).replace("\\\n", "")
    found: dict[str, str] = {}
    for line in text.splitlines():
        release = re.fullmatch(r"([\w.-]+)==([\w.]+)( +--hash=sha256:[0-9a-f]{64})+\s*", line)
        assert release, line
        found[canonicalize_name(release[1])] = release[2]
    return found


def unmet(wanted: Iterable[str], releases: dict[str, str]) -> list[str]:
    """Requirements that these do not fulfil."""
    found = []
    for text in wanted:
        one = Requirement(text)
        version = releases.get(canonicalize_name(one.name))
        if version is None or version not in one.specifier:
            found.append(text)
    return found


def test_what_is_installed_is_what_the_project_asks_for() -> None:
    """Its dependencies with the extra grpc, and none of the other extras."""
    releases = pinned("requirements.txt")
    extras = PROJECT["project"]["optional-dependencies"]
    assert [] == unmet(PROJECT["project"]["dependencies"] + extras["grpc"], releases)
    assert [] == [name for name in ("textual", "matplotlib", "pytest", "pip", "setuptools") if name in releases]
    assert ["numpy>=99"] == unmet(["numpy>=99"], releases)


def test_what_builds_the_wheel_is_what_the_project_asks_for() -> None:
    """[build-system]; the build has no network but for these."""
    assert [] == unmet(PROJECT["build-system"]["requires"], pinned("build-requirements.txt"))
    assert "pip wheel --no-deps --no-build-isolation --no-index" in TEXT


def test_version_and_licences_are_the_projects() -> None:
    """In both stages."""
    assert {__version__} == set(re.findall(r"^ARG VERSION=(.+)$", TEXT, re.M))
    assert 2 == TEXT.count("\nARG VERSION=")
    assert f'image.licenses="{PROJECT["project"]["license"]}"' in TEXT
    assert f"-t otelchan:{__version__} " in TEXT


def test_debian_is_pinned() -> None:
    """To a point release, which the first stage is made of; the image itself is made of nothing else."""
    assert re.search(r"^ARG BASE=debian:12\.\d+-slim$", TEXT, re.M)
    assert ["${BASE} AS build", "scratch"] == re.findall(r"^FROM (.+)$", TEXT, re.M)


def test_the_compiler_is_that_of_the_setup() -> None:
    """What the first stage installs is what scripts/setup.sh knows, and pip, which a virtual environment has there."""
    setup = (REPO / "scripts/setup.sh").read_text(encoding="utf-8")
    (names,) = re.findall(r"--no-install-recommends ([^&\n]+)", TEXT.replace("\\\n", ""))
    unknown = [name for name in names.split() if not re.search(rf"want .*\b{re.escape(name)}\b", setup)]
    assert ["python3-pip"] == unknown


def test_what_goes_to_docker_is_what_the_build_reads() -> None:
    """Each line of Dockerfile.dockerignore lets something through; the sources of the archive are among it; the
    history, virtual environments and compiled objects are not."""
    allowed = [line[1:] for line in IGNORE.read_text(encoding="utf-8").splitlines() if line.startswith("!")]
    assert [] == [name for name in allowed if not (REPO / name).exists()]
    source = {"pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "LICENSES", "bpf", "otelchan"}
    assert set() == source - set(allowed)
    sent = [str(path.relative_to(REPO)) for path in context()]
    assert [] == [name for name in sent if name.startswith((".", "tests", "docs")) or name.endswith((".o", ".pyc"))]


def test_what_the_dockerfile_copies_is_there() -> None:
    """Files that are named one by one."""
    copied = [name for names in re.findall(r"^COPY (deploy.+) \S+$", TEXT, re.M) for name in names.split()]
    assert 4 == len(copied)
    assert [] == [name for name in copied if not (REPO / name).is_file()]


def test_every_package_of_debian_says_why() -> None:
    """One line each, in the order of the alphabet."""
    lines = [line for line in (FOLDER / "packages.txt").read_text(encoding="utf-8").splitlines() if line[0] != "#"]
    names = [line.split()[0] for line in lines]
    assert sorted(names) == names
    assert [] == [line for line in lines if not re.fullmatch(r"[a-z0-9.+-]+ +# .{5,}", line)]
    assert not {"bash", "dash", "dpkg", "apt", "perl-base", "coreutils"} & set(names)
    assert Path(FOLDER / "root.py").is_file()
