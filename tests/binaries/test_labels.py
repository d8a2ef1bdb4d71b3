"""How Go keeps profiler labels, by release: what bpf/labels.h and memory/labels.py take for granted."""

from __future__ import annotations

import pytest
from elftools.dwarf.die import DIE

from otelchan.gobinary import dwarf
from otelchan.gobinary.elf import Elf
from otelchan.gobinary.labels import LabelForm, label_form
from otelchan.gobinary.layouts import table
from tests.support.gobuild import EVERY_GO, build

HMAP = {"count": 0, "B": 9, "buckets": 16, "oldbuckets": 24}
BUCKET = {"tophash": 0, "keys": 8, "values": 136, "overflow": 264, "size": 272}
LIST = {"array": 0, "len": 8, "cap": 16}
LABEL = {"size": 32, "first": 0, "second": 16}
BUILDS = [*((go, "amd64") for go in EVERY_GO), ("1.27.3", "arm64")]


def offsets(struct: DIE) -> dict[str, int]:
    """Of its fields, by name, and its size."""
    fields = [child for child in struct.iter_children() if child.tag == "DW_TAG_member"]
    named = {child.attributes["DW_AT_name"].value.decode(): child for child in fields}
    size = struct.attributes["DW_AT_byte_size"].value
    return {**{name: each.attributes["DW_AT_data_member_location"].value for name, each in named.items()}, "size": size}


def target(die: DIE) -> DIE:
    """What it is of, or points to."""
    found: DIE = die.get_DIE_from_attribute("DW_AT_type")
    return target(found) if found.tag == "DW_TAG_typedef" else found


def member(struct: DIE, name: str) -> DIE:
    """The type of a field."""
    fields = (child for child in struct.iter_children() if child.tag == "DW_TAG_member")
    return target(next(child for child in fields if child.attributes["DW_AT_name"].value.decode() == name))


def label_map(elf: Elf) -> tuple[LabelForm, DIE]:
    """The form, and the struct hmap or the struct that begins with the slice."""
    sections = {name: elf.sections[name].data() for name in dwarf._SECTIONS if name in elf.sections}
    info, data = dwarf._reader(sections), sections[".debug_info"]
    struct = dwarf._find(info, data, "DW_TAG_structure_type", "runtime/pprof.labelMap")
    if struct is not None:
        return LabelForm.LIST, struct
    typedef = dwarf._find(info, data, "DW_TAG_typedef", "runtime/pprof.labelMap")
    assert typedef is not None
    pointer = target(typedef)
    assert "DW_TAG_pointer_type" == pointer.tag
    return LabelForm.MAP, target(pointer)


def slice_of(struct: DIE) -> DIE:
    """The slice that a struct of structs begins with."""
    while "array" not in offsets(struct):
        (first,) = [name for name in offsets(struct) if name != "size"]
        assert 0 == offsets(struct)[first]
        struct = member(struct, first)
    return struct


@pytest.mark.parametrize(("go", "goarch"), BUILDS)
def test_labels_are_kept_as_is_taken_for_granted(go: str, goarch: str) -> None:
    """A map of strings until Go 1.23, with buckets of 272 bytes; then a slice of pairs of strings."""
    with Elf(build("labels", go, goarch=goarch)) as elf:
        form, struct = label_map(elf)
        assert label_form(f"go{go}") == form == table(goarch)[f"go{go}"].labels
        if form == LabelForm.MAP:
            assert HMAP == {name: offsets(struct)[name] for name in HMAP}
            assert BUCKET == offsets(target(member(struct, "buckets")))
            return
        found = slice_of(struct)
        assert LIST == {name: offsets(found)[name] for name in LIST}
        label = offsets(target(member(found, "array")))
        size, places = label.pop("size"), sorted(label.values())
        assert LABEL == {"size": size, "first": places[0], "second": places[1]}


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_every_release_says_where_labels_are(architecture: str) -> None:
    """The offset is measured, and the form is known, for every release in the tables."""
    layouts = table(architecture)
    assert {True} == {layout["g.labels"] > 0 for layout in layouts.values()}
    assert {LabelForm.MAP, LabelForm.LIST} == {layout.labels for layout in layouts.values()}


def test_a_go_that_may_have_either_form_is_not_guessed_at() -> None:
    """From before the first release with the new form; later ones and vendors' builds have it."""
    forms = {
        "go1.23.12": LabelForm.MAP,
        "go1.24rc1": LabelForm.UNKNOWN,
        "devel go1.24-0f1e2d3c": LabelForm.UNKNOWN,
        "go1.24.11-microsoft": LabelForm.LIST,
        "devel go1.28-0f1e2d3c": LabelForm.LIST,
        "of another world": LabelForm.UNKNOWN,
    }
    assert forms == {release: label_form(release) for release in forms}
