"""Which Go built an executable, and which Go otelchan knows."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from otelchan.errors import BinaryError
from otelchan.gobinary.buildinfo import Release, read_build_info, supported_release
from otelchan.gobinary.elf import Elf
from otelchan.gobinary.types import BuildInfo
from tests.support.elfs import ADDRESS, write_elf
from tests.support.gobuild import EVERY_GO, build

FRAME = bytes(range(16))
KNOWN = "otelchan supports Go 1.19 to 1.27"


def blob(version: str, modules: str) -> bytes:
    """Build information as Go 1.18 and newer write it."""
    framed = FRAME + modules.encode() + FRAME
    length = bytes([len(framed) & 0x7F | 0x80, len(framed) >> 7])
    return b"\xff Go buildinf:\x08\x02" + bytes(16) + bytes([len(version)]) + version.encode() + length + framed


def info(path: Path) -> BuildInfo:
    """Build information of a file."""
    with Elf(path) as elf:
        return read_build_info(elf)


@pytest.mark.parametrize("go", EVERY_GO)
@pytest.mark.parametrize("stripped", [False, True])
def test_a_real_executable_says_what_built_it(go: str, stripped: bool) -> None:
    """Version, package and module, and settings with blanks without their quotes."""
    build_info = info(build("shapes", go, stripped))
    assert f"go{go}" == build_info.go_version
    assert build_info.main_package == build_info.main_module == "example.com/shapes"
    assert build_info.main_version == "(devel)"
    assert build_info.settings["GOARCH"] == "amd64"
    assert build_info.settings.get("-ldflags") == ("-s -w" if stripped else None)


def test_build_information_is_found_without_its_section(tmp_path: Path) -> None:
    """On 16 bytes anywhere in writable data; what looks like it but is not aligned is not taken for it."""
    modules = 'path\texample.com/app/cmd\nmod\texample.com/app\tv1.2.3\th1:x=\nbuild\t-tags="a b"\nbuild\tvcs=git\n'
    data = b"\0\xff Go buildinf:" + bytes(17) + blob("go1.27.0", modules)
    expected = BuildInfo(
        "go1.27.0", "example.com/app/cmd", "example.com/app", {"-tags": "a b", "vcs": "git"}, main_version="v1.2.3"
    )
    assert expected == info(write_elf(tmp_path / "app", data))


def test_the_format_of_old_releases_is_read_so_that_they_can_be_named(tmp_path: Path) -> None:
    """Go 1.17 and older store pointers to the strings."""
    text = b"go1.17.13"
    data = b"\xff Go buildinf:\x08\x00" + struct.pack("<QQ", ADDRESS + 32, ADDRESS + 48)
    data += struct.pack("<QQ", ADDRESS + 64, len(text)) + struct.pack("<QQ", 0, 0) + text
    assert BuildInfo("go1.17.13", "", "") == info(write_elf(tmp_path / "old", data, section=".go.buildinfo"))


@pytest.mark.parametrize("data", [bytes(64), b"\xff Go buildinf:\x08\x02" + bytes(16) + b"\x7fgo1.27"])
def test_what_has_no_build_information_is_not_a_go_program(tmp_path: Path, data: bytes) -> None:
    """None at all, or one whose text goes past the end of the file."""
    path = write_elf(tmp_path / "c", data)
    with pytest.raises(BinaryError) as error:
        info(path)
    assert str(error.value) == f"{path} is not a Go executable; give the path of a Go executable"


@pytest.mark.parametrize(
    ("version", "release"),
    [
        ("go1.19", Release("go1.19", 19)),
        ("go1.26.0", Release("go1.26.0", 26)),
        ("go1.27.12", Release("go1.27.12", 27)),
        ("go1.25.1 X:simd,arenas", Release("go1.25.1", 25, "simd,arenas")),
        ("go1.26.8-X:simd,arenas", Release("go1.26.8", 26, "simd,arenas")),
    ],
)
def test_released_versions_are_taken(version: str, release: Release) -> None:
    """An exact release, also one of which the table of layouts knows nothing, and its experiments."""
    assert release == supported_release("/app", version)
    assert (release.released, release.in_development) == (True, False)


@pytest.mark.parametrize(
    ("version", "release", "in_development"),
    [
        ("go1.21", Release("go1.21", 21), False),
        ("go1.27rc1", Release("go1.27rc1", 27), True),
        ("devel go1.27-0f1e2d3c Tue Jan 5 2026", Release("devel go1.27-0f1e2d3c Tue Jan 5 2026", 27), True),
        ("go1.26-devel_0f1e2d3c X:simd", Release("go1.26-devel_0f1e2d3c", 26, "simd"), True),
        ("go1.24.11-microsoft", Release("go1.24.11-microsoft", 24), False),
        ("go1.22.12 (Red Hat 1.22.12-1.el9)", Release("go1.22.12 (Red Hat 1.22.12-1.el9)", 22), False),
        (
            "go1.22-20231128-RC02 cl/586117301 +6111acc8e6 X:fieldtrack,boringcrypto",
            Release("go1.22-20231128-RC02 cl/586117301 +6111acc8e6", 22, "fieldtrack,boringcrypto"),
            False,
        ),
    ],
)
def test_other_builds_of_supported_versions_are_told_from_releases(
    version: str, release: Release, in_development: bool
) -> None:
    """Candidates, developers' and vendors' builds: their number says which version they are like, and no more."""
    assert release == supported_release("/app", version)
    assert (release.released, release.in_development) == (False, in_development)


@pytest.mark.parametrize(
    ("version", "sentence"),
    [
        ("go1.18.10", f"/app is built with go1.18.10; {KNOWN}, so build it with one of those"),
        ("go1.17", f"/app is built with go1.17; {KNOWN}, so build it with one of those"),
        ("go1.28.0", f"/app is built with go1.28.0; {KNOWN}, so update otelchan or build it with one of those"),
        (
            "devel go1.28-0f1e2d3c",
            f"/app is built with devel go1.28-0f1e2d3c; {KNOWN}, so update otelchan or build it with one of those",
        ),
        ("unknown", "/app is obfuscated as by garble: it does not say which Go built it; build it without garble"),
        ("weekly.2011-03-07", f"/app is built with 'weekly.2011-03-07'; {KNOWN}, so build it with one of those"),
        ("", f"/app is built with ''; {KNOWN}, so build it with one of those"),
    ],
)
def test_other_versions_are_refused_by_name(version: str, sentence: str) -> None:
    """Older, newer, and what is no version at all."""
    with pytest.raises(BinaryError) as error:
        supported_release("/app", version)
    assert sentence == str(error.value)
