"""A GoImage as bytes and back."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otelchan.gobinary.functions import Function, FunctionTable
from otelchan.gobinary.imagecodec import FIELDS, pack, unpack
from otelchan.gobinary.pclntab import PclnTable
from otelchan.gobinary.types import GoImage, MakeSite, MissingSite, SiteKind
from tests.support.images import go_image

TABLE = PclnTable(*(kind(number + 1) for number, kind in enumerate(get_type_hints(PclnTable).values())))
FOUND = {"runtime.selectgo": Function("runtime.selectgo", 0x401000, 0x402000), "reflect.makechan": None}


def image() -> GoImage:
    """One with something in every field."""
    made = go_image(
        missing=(MissingSite(SiteKind.WAKE, "runtime.send", "there is no call"),),
        make_sites=(MakeSite(0x401100, 2**64 - 1, 8), MakeSite(0x401200, 0, -1)),
    )
    return replace(made, functions=FunctionTable(made.path, TABLE, FOUND))


def test_no_field_is_left_behind() -> None:
    """A field that GoImage gets must be packed too."""
    assert tuple(field.name for field in fields(GoImage)) == FIELDS


def test_an_image_comes_back_as_it_was() -> None:
    """Every field, also negative offsets and addresses of 64 bits."""
    before = image()
    before = replace(before, layout=replace(before.layout, offsets={"const.arenaBaseOffset": -(1 << 47), "g.m": 48}))
    after = unpack(pack(before), before.path, TABLE.size, TABLE.mtime_ns)
    for name in FIELDS:
        if name != "functions":
            assert getattr(before, name) == getattr(after, name), name
    assert (before.functions.table, before.functions.found) == (after.functions.table, after.functions.found)


def test_it_may_be_of_another_file_with_the_same_contents() -> None:
    """What depends on the file is that of the new one."""
    after = unpack(pack(image()), "/srv/copy", 4711, 42)
    assert ("/srv/copy", "/srv/copy", 4711, 42) == (
        after.path,
        after.functions.path,
        after.functions.table.size,
        after.functions.table.mtime_ns,
    )


@given(st.data())
def test_changed_bytes_are_an_image_or_a_value_error(data: st.DataObject) -> None:
    """Never anything else, whatever was changed."""
    packed = bytearray(pack(image()))
    for _ in range(data.draw(st.integers(1, 4))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    packed = packed[: data.draw(st.integers(0, len(packed)))]
    try:
        result = unpack(bytes(packed), "/srv/app", 1, 1)
    except ValueError:
        return
    assert isinstance(result, GoImage)


def test_other_bytes_are_a_value_error() -> None:
    """With a reason."""
    with pytest.raises(ValueError, match="these bytes are no image"):
        unpack(b"\x93abc", "/srv/app", 1, 1)
