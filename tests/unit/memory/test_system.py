"""Which goroutines are the runtime's own."""

import pytest

from otelchan.memory.system import is_system
from tests.support.fabricated import FunctionList


@pytest.mark.parametrize(
    ("start", "waits_for", "system"),
    [
        ("main.worker", "chan receive", False),
        ("runtime.bgsweep", "GC sweep wait", True),
        ("runtime.main", "chan receive", False),
        ("runtime.corostart", "coroutine", False),
        ("runtime.runFinalizers", "finalizer wait", True),
        ("runtime.runFinalizers", "", True),
        ("runtime.runFinalizers", "chan receive", False),
    ],
)
def test_the_start_function_says_it(start: str, waits_for: str, system: bool) -> None:
    """All of the runtime's, but main, coroutines, and finalizers that are in the program's code."""
    functions = FunctionList()
    found = functions.find(start)
    assert found

    assert system == is_system(functions, found.entry, waits_for)


def test_an_unknown_start_is_the_programs() -> None:
    """As in the runtime."""
    assert not is_system(FunctionList(), 0x10, "")
