"""Layouts of the runtime, by release."""

from __future__ import annotations

import json
import re
from functools import cache

import pytest

from otelchan.errors import BinaryError
from otelchan.gobinary.buildinfo import NEWEST, OLDEST, Release
from otelchan.gobinary.elf import Elf
from otelchan.gobinary.layouts import TABLE, layout_of, own_layout, table
from otelchan.gobinary.offsets import render
from otelchan.gobinary.types import Layout
from tests.support.gobuild import build
from tests.support.shapes import shapes

# Read from the Go source by hand, where a mistake would be worst. In go-runtime terms: g.goid after atomicstatus, the
# words of sudog.c since Go 1.26, and the moduledata of 1.27, which has three words more before gofunc.
KNOWN = {
    "go1.26.8": {"g.goid": 152, "sudog.c": 96, "hchan.lock": 104, "moduledata.gofunc": 320, "m.curg": 184},
    "go1.27.3": {"g.goid": 152, "sudog.c": 96, "hchan.lock": 104, "moduledata.gofunc": 344, "m.curg": 184},
}


@cache
def measured(go: str) -> Layout:
    """The layout of a program of that release, as if the table did not have the release."""
    minor = int(go.split(".")[1])
    with Elf(build("shapes", go)) as elf:
        return layout_of(elf, Release(f"go1.{minor}.99", minor, ""))


@pytest.mark.parametrize("go", ["1.26.8", "1.27.3"])
def test_the_table_says_what_the_debug_information_of_a_program_says(go: str) -> None:
    """Every offset, size, constant and wait reason of the table is that of a program built with the release."""
    shipped = table()[f"go{go}"]
    assert measured(go).offsets == shipped.offsets
    assert measured(go).wait_reasons == shipped.wait_reasons
    assert shipped.source == "table"


@pytest.mark.parametrize(("go", "release"), [("1.26.8", "go1.26.99"), ("1.27.3", "go1.27.99")])
def test_a_release_that_the_table_lacks_is_measured_from_the_program_itself(go: str, release: str) -> None:
    """It says which release, and that the program's own debug information was used."""
    assert release not in table()
    assert (release, "dwarf") == (measured(go).release, measured(go).source)


def test_the_race_detector_does_not_change_the_layout() -> None:
    """So the table holds for -race builds too."""
    with Elf(build("shapes", "1.27.3", flags=("-race",))) as elf:
        assert own_layout(elf, "go1.27.3").offsets == table()["go1.27.3"].offsets


@pytest.mark.parametrize("release", sorted(KNOWN))
def test_offsets_that_were_read_from_the_source_by_hand(release: str) -> None:
    """A generator that measures the wrong field would agree with itself."""
    layout = table()[release]
    assert KNOWN[release] == {name: layout[name] for name in KNOWN[release]}
    reasons = layout.wait_reasons
    assert ["select (no cases)", "select", "chan receive", "chan send"] == [reasons[n] for n in (17, 18, 19, 20)]


def test_every_release_in_the_table_is_supported_and_none_is_left_out() -> None:
    """From .0 to the last one measured without a gap, all with the same keys."""
    releases: dict[int, list[int]] = {}
    for name in table():
        match = re.fullmatch(r"go1\.(\d+)\.(\d+)", name)
        assert match
        releases.setdefault(int(match[1]), []).append(int(match[2]))
    assert list(range(OLDEST, NEWEST + 1)) == sorted(releases)
    assert {minor: list(range(len(patches))) for minor, patches in releases.items()} == releases
    assert len({frozenset(layout.offsets) for layout in table().values()}) == 1


@pytest.mark.parametrize(
    ("release", "built"),
    [(Release("go1.27.99", 27, ""), "go1.27.99"), (Release("go1.27.3", 27, "simd"), "go1.27.3 X:simd")],
)
def test_without_debug_information_an_unknown_layout_is_refused(release: Release, built: str) -> None:
    """A release after ours, or one of ours with experiments, which may move fields."""
    with Elf(build("shapes", "1.27.3", stripped=True)) as elf, pytest.raises(BinaryError) as error:
        layout_of(elf, release)
    assert str(error.value) == (
        f"{elf.path} is built with {built}, whose memory layout otelchan does not know, and it has no debug "
        "information to learn that from; update otelchan, or build without -ldflags='-s -w'"
    )


def test_an_offset_that_is_not_measured_is_an_error() -> None:
    """A missing key is a mistake of ours, never zero."""
    with pytest.raises(KeyError):
        table()["go1.27.3"]["g.nothing"]


def test_releases_with_equal_layouts_share_one_entry() -> None:
    """The file is as the generator writes it: small, sorted, the same for the same measurements."""
    one, two = {"b": 1, "a": 2}, {"a": 2, "b": 3}
    reasons = {10: "ten", 9: "nine"}
    measured = {
        "go1.26.9": {"offsets": one, "wait_reasons": reasons},
        "go1.26.10": {"offsets": dict(reversed(one.items())), "wait_reasons": reasons},
        "go1.27.0": {"offsets": two, "wait_reasons": reasons},
    }
    layouts = json.loads(render(measured))["layouts"]
    assert [["go1.26.9", "go1.26.10"], ["go1.27.0"]] == [layout["releases"] for layout in layouts]
    assert ['{"a": 2, "b": 1}', '{"a": 2, "b": 3}'] == [json.dumps(layout["offsets"]) for layout in layouts]
    assert ["9", "10"] == list(layouts[0]["wait_reasons"])


def test_the_shipped_file_is_what_the_generator_writes() -> None:
    """No hand has been at it."""
    shipped = TABLE.read_text()
    measured = {
        release: {"offsets": entry["offsets"], "wait_reasons": entry["wait_reasons"]}
        for entry in json.loads(shipped)["layouts"]
        for release in entry["releases"]
    }
    assert render(measured) == shipped


def test_the_shapes_program_uses_the_table() -> None:
    """Debug information is not read where the table has the release: it is slow for a large program."""
    assert shapes("1.26.8").image.layout is table()["go1.26.8"]
