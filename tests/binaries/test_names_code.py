"""What of names is in the machine code: who alone calls a constructor, what a name that is passed over covers, and
where os/signal keeps its channels."""

from __future__ import annotations

from functools import cache
from pathlib import PurePosixPath

import pytest

from otelchan.gobinary.elf import Elf
from otelchan.gobinary.image import analyse
from otelchan.gobinary.skipped import MOST_RANGES, skip_ranges
from otelchan.gobinary.types import GoImage
from otelchan.model.aliases import Rules
from tests.support.gobuild import EVERY_GO, build
from tests.support.labelled import marked

PACKAGE = "example.com/named/q"
Q = Rules(skip=(f"{PACKAGE}.*",))
UNREFLECTED = ("-tags=unreflected",)


@cache
def named(go: str, flags: tuple[str, ...] = UNREFLECTED) -> GoImage:
    """The program `named`, analysed."""
    return analyse(build("named", go, flags=flags))


def callers(image: GoImage) -> dict[str, list[str]]:
    """The functions that are alone in calling the one with a make, by the make's "file.go:line"."""
    found = {}
    for site in image.make_sites:
        frame = image.functions.frames(site.return_address)[0]
        if frame.function.startswith((PACKAGE, "main.", "example.com/named/helper")):
            outer = [image.functions.frames(address)[-1].function for address in site.callers]
            found[f"{PurePosixPath(frame.file).name}:{frame.line}"] = outer
    return found


@pytest.mark.parametrize("go", EVERY_GO)
def test_a_function_that_is_called_once_has_a_caller(go: str) -> None:
    """And one that is called twice, by itself, through an interface, or perhaps through a variable has none."""
    makes, found = marked("named", "makes"), callers(named(go))

    assert ["main.only", "main.all", "main.main"] == found[makes["only"]]
    assert ["main.generic", "main.all", "main.main"] == found[makes["generic"]]
    assert [[], [], [], []] == [found[makes[label]] for label in ("open", "deep", "method", "valued")]


@pytest.mark.parametrize("flags", [("-buildmode=pie",), ("-ldflags=-s -w",), ("-race",), ("-gcflags=all=-N -l",)])
def test_however_it_was_built(flags: tuple[str, ...]) -> None:
    """The same callers, as far as nothing is inlined otherwise."""
    plain, other = callers(named("1.27.3")), callers(named("1.27.3", (*UNREFLECTED, *flags)))
    makes = marked("named", "makes")

    assert [plain[makes[label]] for label in ("only", "open", "deep", "method")] == [
        other[makes[label]] for label in ("only", "open", "deep", "method")
    ]


@pytest.mark.parametrize("go", EVERY_GO)
def test_return_addresses_in_a_package_that_is_passed_over_are_one_range(go: str) -> None:
    """But for a call that is inlined into it and is not passed over."""
    image = named(go)
    found = skip_ranges(image, Q.skips)
    makes = marked("named", "makes")

    def covered(label: str) -> list[bool]:
        places = (s.return_address for s in image.make_sites)
        return [
            any(low <= place < high for low, high in found.ranges)
            for place in places
            if image.functions.frames(place)[0].place.endswith(f" {makes[label]}")
        ]

    assert found.left_out == ()
    assert len(found.ranges) <= 4
    assert [{True}, {True}, {True}, {False}, {False}] == [
        set(covered(label)) for label in ("open", "deep", "method", "mixed", "plain")
    ]


def test_more_ranges_than_there_is_room_for_are_said() -> None:
    """Those that make channels come before those that only call."""
    image = named("1.27.3")
    found = skip_ranges(image, Rules(skip=("*e*",)).skips)

    assert len(found.ranges) == MOST_RANGES
    assert len(found.left_out) > 100
    makers = {f"{PACKAGE}.Open", f"{PACKAGE}.(*Factory).Make"}
    assert not makers & set(found.left_out)


@pytest.mark.parametrize("go", EVERY_GO)
@pytest.mark.parametrize("flags", [(), ("-buildmode=pie",), ("-race",), ("-gcflags=all=-N -l",)])
def test_the_map_of_signal_channels_is_found_in_the_code(go: str, flags: tuple[str, ...]) -> None:
    """It is the second word of os/signal.handlers, after its mutex, as the symbol says."""
    if flags and go not in (EVERY_GO[0], EVERY_GO[-1]):
        flags = ("-buildmode=pie",)
    image = analyse(build("kinds", go, flags=flags))
    with Elf(image.path) as elf:
        symbol = elf.symbols(["os/signal.handlers"])["os/signal.handlers"]

    assert symbol.address + 8 == image.globals.signal_map


def test_a_program_that_listens_to_no_signals_has_no_map() -> None:
    """So no channel of it is one of signals; that is not the same as not knowing."""
    assert named("1.27.3").globals.signal_map == 0
