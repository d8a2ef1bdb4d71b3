"""Where the runtime's channel functions lie in an executable: the kernel side skips them as one piece of code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from otelchan.gobinary.functions import FunctionTable
from otelchan.gobinary.image import analyse
from otelchan.gobinary.types import CHANNEL_FUNCTIONS, REFLECTED, REFLECTED_SEND
from otelchan.kernel.target import between
from tests.support.gobuild import EVERY_GO


def folders(functions: FunctionTable, low: int, high: int) -> set[str]:
    """Of the sources of all functions in [low, high), the folder below Go's src."""
    found = set()
    at = low
    while at < high:
        function = functions.at(at)
        assert function
        file = functions.frames(function.entry, call=False)[-1].file
        found.add(file.rpartition("/src/")[2].rpartition("/")[0])
        at = function.end
    return found


def within(bounds: tuple[int, int], address: int) -> bool:
    """Whether it is in [low, high)."""
    return bounds[0] <= address < bounds[1]


@pytest.mark.parametrize(
    ("go", "flags"),
    [
        *((go, ()) for go in EVERY_GO),
        ("1.27.3", ("-buildmode=pie",)),
        ("1.27.3", ("-gcflags=all=-N -l",)),
        ("1.27.3", ("-race",)),
        ("1.19.13", ("-race",)),
    ],
)
def test_nothing_but_the_runtime_lies_between_its_channel_functions(
    workload: Callable[..., Path], go: str, flags: tuple[str, ...]
) -> None:
    """And nothing but reflection between those that call them: no function of a person is skipped with them."""
    image = analyse(workload("uses", go=go, flags=flags))

    runtime, reflect = between(image)
    assert folders(image.functions, *runtime) == {"runtime"}
    assert folders(image.functions, *reflect) == {"reflect"}
    found = [image.functions.find(name) for name in (*CHANNEL_FUNCTIONS, *REFLECTED, REFLECTED_SEND)]
    assert all(within(runtime, f.entry) or within(reflect, f.entry) for f in found if f)
    assert sum(f is not None for f in found) > len(CHANNEL_FUNCTIONS)


def test_a_program_without_reflection_has_no_such_code(workload: Callable[..., Path]) -> None:
    """The piece is empty, and so skips nothing."""
    image = analyse(workload("hammer", go="1.27.3"))

    _, (low, high) = between(image)
    assert low == high
