"""Which kernel headers BCC compiles with."""

from pathlib import Path

from otelchan.kernel.headers import Headers, find_headers

RUNNING = "6.18.44-fc"


def tree(root: Path, source: bool = True, build: bool = True) -> Path:
    """A tree of headers: what is written by hand, what is generated, or both."""
    for there, file in ((source, "include/linux/kconfig.h"), (build, "include/generated/autoconf.h")):
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        if there:
            path.write_text("")
    return root


def module_links(modules: Path, release: str, source: Path, build: Path) -> None:
    """/lib/modules/RELEASE/source and build, as a package of headers makes them."""
    folder = modules / release
    folder.mkdir(parents=True)
    (folder / "source").symlink_to(source)
    (folder / "build").symlink_to(build)


def debian(root: Path, release: str) -> Headers:
    """Two trees and links to them, as linux-headers-RELEASE-amd64 brings them; what should be found of them."""
    sources = root / "src"
    common = tree(sources / f"linux-headers-{release}-common", build=False)
    own = tree(sources / f"linux-headers-{release}-amd64", source=False)
    module_links(root / "modules", f"{release}-amd64", common, own)
    return Headers(common, own, f"{release}-amd64")


def found(root: Path, running: str = RUNNING) -> Headers | None:
    """What is found below a folder that stands for the root."""
    return find_headers(running, root / "modules", root / "src")


def test_debians_two_trees_are_put_together(tmp_path: Path) -> None:
    """The compiler runs in the one and is told of the other, in the order of the kernel's own Makefile."""
    expected = debian(tmp_path, "6.1.0-56")

    headers = found(tmp_path)

    assert headers == expected
    build = expected.build
    assert headers.flags == [
        f"-I{build}/arch/x86/include/generated",
        f"-I{build}/include",
        f"-I{build}/arch/x86/include/generated/uapi",
        f"-I{build}/include/generated/uapi",
    ]


def test_the_running_kernels_headers_come_before_newer_ones(tmp_path: Path) -> None:
    """Any would do; those of this kernel are the least surprising."""
    debian(tmp_path, "6.12.0-9")
    expected = debian(tmp_path, "6.1.0-56")

    assert expected == found(tmp_path, "6.1.0-56-amd64")


def test_else_the_newest_are_taken(tmp_path: Path) -> None:
    """By number, so that 6.12 is newer than 6.9."""
    debian(tmp_path, "6.9.1-1")
    expected = debian(tmp_path, "6.12.0-9")
    debian(tmp_path, "5.10.0-30")

    assert expected == found(tmp_path)


def test_one_whole_tree_needs_no_other(tmp_path: Path) -> None:
    """As most distributions have it; its own files win over those of a link called source."""
    whole = tree(tmp_path / "src" / "linux-headers-6.8.0-40-generic")
    other = tree(tmp_path / "src" / "linux-headers-6.8.0-40", build=False)
    module_links(tmp_path / "modules", RUNNING, other, whole)

    headers = found(tmp_path)

    assert headers == Headers(whole, whole, RUNNING)
    assert headers.flags == []


def test_headers_without_links_to_them_are_found_where_they_are_installed(tmp_path: Path) -> None:
    """As in a container that sees the machine's /usr/src only."""
    expected = debian(tmp_path, "6.1.0-56")

    assert expected == find_headers(RUNNING, tmp_path / "none", tmp_path / "src")


def test_leftovers_are_not_headers(tmp_path: Path) -> None:
    """Links that lead nowhere, as after a removed package, and a tree of which half is missing."""
    module_links(tmp_path / "modules", RUNNING, tmp_path / "gone", tmp_path / "gone")
    tree(tmp_path / "src" / "linux-headers-6.1.0-56-amd64", source=False)

    assert found(tmp_path) is None


def test_a_machine_without_such_folders_has_none(tmp_path: Path) -> None:
    """Nothing is assumed about what there is."""
    assert found(tmp_path) is None
