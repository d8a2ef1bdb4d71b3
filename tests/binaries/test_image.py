"""A whole executable, analysed here and in a child process."""

from __future__ import annotations

import pickle
import shutil
import sys
from pathlib import Path

import pytest

from otelchan.errors import BinaryError
from otelchan.gobinary import analysis
from otelchan.gobinary.analysis import analyse_cached
from otelchan.gobinary.image import analyse
from tests.support.elfs import write_elf
from tests.support.gobuild import EVERY_GO, build
from tests.support.shapes import shapes

BUILDS = [(go, stripped) for go in EVERY_GO for stripped in (False, True)]


@pytest.mark.parametrize(("go", "stripped"), BUILDS)
def test_an_image_says_what_the_executable_is(go: str, stripped: bool) -> None:
    """Release, layout, symbols, segments; and code whose bytes are in the file where the image says."""
    program = shapes(go, stripped)
    path, image = program.path, program.image
    assert (image.path, image.build.go_version) == (str(path), f"go{go}")
    assert (image.stripped, image.position_independent) == (stripped, False)
    assert (image.layout.release, image.layout.source) == (f"go{go}", "table")
    assert [(True, False), (False, False), (False, True)] == [(s.executable, s.writable) for s in image.segments]
    data = path.read_bytes()
    assert image.sites
    for site in image.sites:
        offset = image.file_offset(site.address)
        assert data[offset : offset + len(site.code)] == site.code
    assert () == image.missing


@pytest.mark.parametrize(("go", "stripped"), [("1.26.8", True), ("1.27.3", False)])
def test_the_child_gives_the_same_image(go: str, stripped: bool) -> None:
    """What is analysed apart and sent back is what is analysed here, and works with no path."""
    image, truth = shapes(go, stripped).image, shapes(go, stripped).truth
    there = analyse_cached(image.path)
    for name in ("build_id", "build", "segments", "layout", "globals", "sites", "missing", "make_sites"):
        assert getattr(image, name) == getattr(there, name), name
    for pc in truth["stacks"][0]["pcs"]:
        assert image.functions.frames(pc) == there.functions.frames(pc)


def test_a_build_is_analysed_once(tmp_path: Path) -> None:
    """The same build under another path is the same image, and still there when both paths are gone."""
    paths = [tmp_path / "one", tmp_path / "two"]
    for path in paths:
        shutil.copy2(build("shapes"), path)
    first = analyse_cached(paths[0])
    paths[0].unlink()
    assert analyse_cached(paths[1]) is first
    paths[1].unlink()
    assert first.functions.at(first.functions.table.text) is not None


def test_a_changed_file_is_analysed_anew(tmp_path: Path) -> None:
    """Another build under the same path is another image."""
    path = tmp_path / "app"
    shutil.copy2(build("shapes", "1.26.8"), path)
    assert analyse_cached(path).build.go_version == "go1.26.8"
    path.unlink()
    shutil.copy2(build("shapes", "1.27.3"), path)
    assert analyse_cached(path).build.go_version == "go1.27.3"


def test_a_refusal_comes_out_of_the_child_as_itself(tmp_path: Path) -> None:
    """The sentence that analyse() says is the one that analyse_cached() says."""
    path = write_elf(tmp_path / "c-program", bytes(64))
    sentences = []
    for function in (analyse, analyse_cached):
        with pytest.raises(BinaryError) as error:
            function(path)
        sentences.append(str(error.value))
    assert [f"{path} is not a Go executable; give the path of a Go executable"] * 2 == sentences


def test_a_child_that_is_killed_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """For instance because memory ran out: exit status 2, not a traceback."""
    path = write_elf(tmp_path / "any", bytes(64))
    monkeypatch.setattr(analysis, "_CHILD", "import os; os.kill(os.getpid(), 9)")
    with pytest.raises(BinaryError) as error:
        analyse_cached(path)
    assert f"the analysis of {path} was ended by SIGKILL; check free memory, and that the file is whole" == str(
        error.value
    )


def test_a_mistake_of_ours_in_the_child_is_not_hidden(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is not a BinaryError comes out with the child's traceback."""
    path = write_elf(tmp_path / "any", bytes(64))
    monkeypatch.setattr(analysis, "_CHILD", "raise ValueError('a mistake')")
    with pytest.raises(RuntimeError, match="ValueError: a mistake"):
        analyse_cached(path)


def test_the_child_imports_nothing_from_the_current_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The agent may be root in somebody's folder."""
    for name in ("elftools", "capstone", "numpy", "otelchan"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(42)")
    path = tmp_path / "app"
    path.write_bytes(build("shapes").read_bytes() + b"another one, so that there is a child")
    monkeypatch.chdir(tmp_path)
    assert analyse_cached(path).build.main_package == "example.com/shapes"


def test_an_image_is_small_to_send() -> None:
    """It holds what was found, not what was read."""
    assert len(pickle.dumps(shapes().image)) < 200_000


@pytest.mark.parametrize(
    ("stripped", "flag"),
    [(False, "-buildmode=pie"), (True, "-buildmode=pie"), (False, "-race"), (False, "-gcflags=all=-N -l")],
)
def test_other_ways_to_build_are_analysed_too(stripped: bool, flag: str) -> None:
    """Position independent, race-detector and unoptimized builds; where a site is missing, it is said."""
    image = shapes("1.27.3", stripped, flag).image
    assert image.position_independent == (flag == "-buildmode=pie")
    found = {(site.kind, site.function) for site in image.sites}
    missing = {(gap.kind, gap.function) for gap in image.missing}
    assert found | missing == {(site.kind, site.function) for site in shapes("1.27.3").image.sites}
    assert set() == missing


@pytest.mark.parametrize("path", [sys.executable, "/bin/sh"])
def test_programs_that_are_not_go_are_refused(path: str) -> None:
    """Real ones, with all their sections."""
    with pytest.raises(BinaryError, match="is not a Go executable; give the path of a Go executable"):
        analyse(path)
