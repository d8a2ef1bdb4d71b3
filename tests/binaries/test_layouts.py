"""Layouts of the runtime, by release."""

from __future__ import annotations

import json
import re
from functools import cache

import pytest

from otelchan.errors import BinaryError
from otelchan.gobinary.buildinfo import NEWEST, OLDEST, Release, read_build_info, supported_release
from otelchan.gobinary.dwarf import OPTIONAL
from otelchan.gobinary.elf import Elf
from otelchan.gobinary.layouts import TABLE, harmless_experiments, layout_of, own_layout, table
from otelchan.gobinary.offsets import name_of, render
from otelchan.gobinary.types import Layout
from tests.support.gobuild import EVERY_GO, build
from tests.support.shapes import shapes

# Read from the Go source by hand, where a mistake would be worst: g.goid after atomicstatus, which syscallbp moved in
# 1.23; the words of sudog.c since Go 1.26; the moduledata of 1.20, with two words more before gofunc, and of 1.27, with
# three more; the width of a span's counters.
KNOWN = {
    "go1.19.13": {"g.goid": 152, "sudog.c": 80, "hchan.lock": 88, "moduledata.gofunc": 304, "m.curg": 192},
    "go1.20.14": {"g.goid": 152, "sudog.c": 80, "hchan.lock": 88, "moduledata.gofunc": 320, "m.curg": 192},
    "go1.22.12": {"g.goid": 152, "g.parentGoid": 272, "hchan.lock": 88, "width mspan.nelems": 2, "g.waiting": 312},
    "go1.23.12": {"g.goid": 160, "hchan.timer": 32, "hchan.lock": 96, "g.waitreason": 184, "schedt.gFree.count": 184},
    "go1.25.11": {"g.goid": 152, "sudog.c": 80, "hchan.lock": 104, "g.sched.bp": 96, "schedt.gFree.stack.count": 184},
    "go1.26.8": {"g.goid": 152, "sudog.c": 96, "hchan.lock": 104, "moduledata.gofunc": 320, "m.curg": 184},
    "go1.27.3": {"g.goid": 152, "sudog.c": 96, "hchan.lock": 104, "moduledata.gofunc": 344, "m.curg": 184},
}


@cache
def measured(go: str) -> Layout:
    """The layout of a program of that release, as if the table did not have the release."""
    minor = int(go.split(".")[1])
    with Elf(build("shapes", go)) as elf:
        return layout_of(elf, Release(f"go1.{minor}.99", minor))


@pytest.mark.parametrize("go", EVERY_GO)
def test_the_table_says_what_the_debug_information_of_a_program_says(go: str) -> None:
    """Every offset, size, constant and wait reason of the table is that of a program built with the release."""
    shipped = table()[f"go{go}"]
    assert measured(go).offsets == shipped.offsets
    assert measured(go).wait_reasons == shipped.wait_reasons
    assert shipped.source == "table"


@pytest.mark.parametrize(("go", "release"), [("1.19.13", "go1.19.99"), ("1.27.3", "go1.27.99")])
def test_a_release_that_the_table_lacks_is_measured_from_the_program_itself(go: str, release: str) -> None:
    """It says which release, and that the program's own debug information was used."""
    assert release not in table()
    assert (release, "dwarf") == (measured(go).release, measured(go).source)


@pytest.mark.parametrize("go", ["1.19.13", "1.27.3"])
def test_the_race_detector_does_not_change_the_layout(go: str) -> None:
    """So the table holds for -race builds too."""
    with Elf(build("shapes", go, flags=("-race",))) as elf:
        own = own_layout(elf, Release(f"go{go}", int(go.split(".")[1])))
    assert own.offsets == table()[f"go{go}"].offsets


@pytest.mark.parametrize("release", sorted(KNOWN))
def test_offsets_that_were_read_from_the_source_by_hand(release: str) -> None:
    """A generator that measures the wrong field would agree with itself."""
    layout = table()[release]
    assert KNOWN[release] == {name: layout[name] for name in KNOWN[release]}
    reasons = layout.wait_reasons
    numbers = (17, 18, 19, 20) if release >= "go1.26" else (10, 9, 14, 15)
    assert ["select (no cases)", "select", "chan receive", "chan send"] == [reasons[n] for n in numbers]


def test_every_release_in_the_table_is_supported_and_none_is_left_out() -> None:
    """From the first to the last one measured without a gap, those of one version all with the same keys."""
    releases: dict[int, list[int]] = {}
    for name in table():
        match = re.fullmatch(r"go1\.(\d+)(?:\.(\d+))?", name)
        assert match
        minor, patch = int(match[1]), int(match[2] or 0)
        assert name == name_of(minor, patch)
        releases.setdefault(minor, []).append(patch)
    assert list(range(OLDEST, NEWEST + 1)) == sorted(releases)
    assert {minor: list(range(len(patches))) for minor, patches in releases.items()} == releases
    everything = {key for layout in table().values() for key in layout.offsets}
    for minor, patches in releases.items():
        keys = {frozenset(table()[name_of(minor, patch)].offsets) for patch in patches}
        assert len(keys) == 1
        assert everything - keys.pop() <= OPTIONAL


def test_what_a_release_does_not_have_is_said_to_be_absent() -> None:
    """Channels of timers are told by a field that Go 1.23 brought."""
    assert [None, 32] == [table()[release].get("hchan.timer") for release in ("go1.22.12", "go1.23.0")]
    with pytest.raises(KeyError):
        table()["go1.22.12"]["hchan.timer"]


UNKNOWN = "which this otelchan does not know"
EXPERIMENT = "an experiment of Go's that may move the runtime's fields"
CHANGED = "which is no release of the Go project's and may have changed the runtime's fields"


@pytest.mark.parametrize(
    ("version", "built", "why"),
    [
        ("go1.27.99", "go1.27.99", UNKNOWN),
        ("go1.27.3 X:staticlockranking", "go1.27.3 X:staticlockranking", EXPERIMENT),
        ("go1.27.3-X:simd,staticlockranking", "go1.27.3 X:simd,staticlockranking", EXPERIMENT),
        ("go1.27.3-X:fieldtrack,simd", "go1.27.3 X:fieldtrack,simd", EXPERIMENT),
        ("devel go1.27-0f1e2d3c Tue Jan 5 2026", "devel go1.27-0f1e2d3c Tue Jan 5 2026", CHANGED),
        ("go1.27-devel_0f1e2d3c", "go1.27-devel_0f1e2d3c", CHANGED),
        ("go1.27rc1", "go1.27rc1", CHANGED),
        ("go1.27.3-microsoft", "go1.27.3-microsoft", CHANGED),
        ("go1.27.3 (Red Hat 1.27.3-1.el9)", "go1.27.3 (Red Hat 1.27.3-1.el9)", CHANGED),
        ("go1.27.3-fips", "go1.27.3-fips", CHANGED),
        ("go1.27.3-20261110-RC00 cl/1 X:fieldtrack", "go1.27.3-20261110-RC00 cl/1 X:fieldtrack", CHANGED),
    ],
)
def test_without_debug_information_an_unknown_layout_is_refused(version: str, built: str, why: str) -> None:
    """A release after ours, an experiment that moves fields, two at once, and what others made of Go, by any number."""
    with Elf(build("shapes", "1.27.3", stripped=True)) as elf, pytest.raises(BinaryError) as error:
        layout_of(elf, supported_release(elf.path, version))
    assert str(error.value) == (
        f"{elf.path} is built with {built}, {why}, and it has no debug information to learn its memory layout from; "
        "build it without -ldflags='-s -w'"
    )


@pytest.mark.parametrize(
    "version", ["go1.27.3-microsoft", "devel go1.27-0f1e2d3c", "go1.27.3 (Red Hat 1.27)", "go1.27.3-X:fieldtrack,simd"]
)
def test_with_debug_information_any_build_of_go_says_its_own_layout(version: str) -> None:
    """Measured from the program, whatever the number says."""
    with Elf(build("shapes", "1.27.3")) as elf:
        layout = layout_of(elf, supported_release(elf.path, version))
    assert (layout.source, layout.offsets) == ("dwarf", table()["go1.27.3"].offsets)


def test_fields_that_the_version_should_have_are_missed() -> None:
    """A developer's build may be like the version before; a release or a vendor's build may not."""
    with Elf(build("shapes", "1.26.8")) as elf:
        assert own_layout(elf, supported_release(elf.path, "devel go1.27-0f1e2d3c")).source == "dwarf"
    with Elf(build("shapes", "1.25.11")) as elf:
        with pytest.raises(BinaryError) as error:
            own_layout(elf, supported_release(elf.path, "go1.26.8-vendor"))
        assert str(error.value) == (
            f"{elf.path} is built with go1.26.8-vendor, whose runtime has other fields than Go 1.26 (const.Gdeadextra, "
            "const.Gleaked, moduledata.epclntab); build it with a release of Go, or update otelchan"
        )


@pytest.mark.parametrize("stripped", [False, True])
def test_an_experiment_that_changes_nothing_is_known_from_the_table(stripped: bool) -> None:
    """It was measured to have the layout of the release."""
    assert "fieldtrack" in harmless_experiments("go1.26.8")
    with Elf(build("shapes", "1.26.8", stripped, environment={"GOEXPERIMENT": "fieldtrack"})) as elf:
        release = supported_release(elf.path, read_build_info(elf).go_version)
        assert release == Release("go1.26.8", 26, "fieldtrack")
        assert layout_of(elf, release) is table("amd64")["go1.26.8"]
        if not stripped:
            assert own_layout(elf, release).offsets == table()["go1.26.8"].offsets


def test_an_experiment_that_moves_fields_is_measured_from_the_program() -> None:
    """Lock ranking makes every mutex larger."""
    with Elf(build("shapes", "1.26.8", environment={"GOEXPERIMENT": "staticlockranking"})) as elf:
        layout = layout_of(elf, supported_release(elf.path, read_build_info(elf).go_version))
    assert layout.source == "dwarf"
    assert layout["hchan.lock"] == table()["go1.26.8"]["hchan.lock"]
    assert layout["sizeof hchan"] > table()["go1.26.8"]["sizeof hchan"]


def test_debug_information_of_c_alone_is_not_enough() -> None:
    """A program with cgo that was linked with -w may have that of its C code."""
    path = build("vendored", "1.19.13", flags=("-ldflags=-w -linkmode=external",), environment={"CGO_ENABLED": "1"})
    with Elf(path) as elf:
        assert ".debug_info" in elf.sections
        with pytest.raises(BinaryError, match=f"{UNKNOWN}, and it has no debug information to learn its memory"):
            layout_of(elf, Release("go1.19.99", 19))


def test_an_offset_that_is_not_measured_is_an_error() -> None:
    """A missing key is a mistake of ours, never zero."""
    with pytest.raises(KeyError):
        table()["go1.27.3"]["g.nothing"]


def test_releases_with_equal_layouts_share_one_entry() -> None:
    """The file is as the generator writes it: small, sorted, the same for the same measurements."""
    one, two = {"b": 1, "a": 2}, {"a": 2, "b": 3}
    reasons = {10: "ten", 9: "nine"}
    layouts = {
        "go1.26.9": {"offsets": one, "wait_reasons": reasons},
        "go1.26.10": {"offsets": dict(reversed(one.items())), "wait_reasons": reasons},
        "go1.27.0": {"offsets": two, "wait_reasons": reasons},
    }
    entries = json.loads(render(layouts, ["go1.26.10", "go1.27.0"], {"go1.26.10": ["simd"]}))["layouts"]
    assert [["go1.26.9", "go1.26.10"], ["go1.27.0"]] == [entry["releases"] for entry in entries]
    assert [["go1.26.10"], ["go1.27.0"]] == [entry["measured"] for entry in entries]
    assert [["simd"], []] == [entry["experiments"] for entry in entries]
    assert ['{"a": 2, "b": 1}', '{"a": 2, "b": 3}'] == [json.dumps(entry["offsets"]) for entry in entries]
    assert ["9", "10"] == list(entries[0]["wait_reasons"])


def test_the_shipped_file_is_what_the_generator_writes() -> None:
    """No hand has been at it."""
    shipped = TABLE.read_text()
    entries = json.loads(shipped)["layouts"]
    layouts = {
        release: {"offsets": entry["offsets"], "wait_reasons": entry["wait_reasons"]}
        for entry in entries
        for release in entry["releases"]
    }
    measured = [release for entry in entries for release in entry["measured"]]
    experiments = {entry["releases"][0]: entry["experiments"] for entry in entries}
    assert render(layouts, measured, experiments) == shipped


def test_the_shapes_program_uses_the_table() -> None:
    """Debug information is not read where the table has the release: it is slow for a large program."""
    assert shapes("1.26.8").image.layout is table("amd64")["go1.26.8"]
