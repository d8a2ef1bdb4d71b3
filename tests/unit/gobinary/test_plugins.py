"""Which plugin an address is in."""

from otelchan.gobinary.plugins import Plugins
from otelchan.gobinary.types import Frame


def test_a_frame_in_a_plugin_has_its_name() -> None:
    """A return address points behind a call, so the end belongs to it and the beginning does not."""
    plugins = Plugins()
    plugins.add(0x1000, 0x2000, "example.com/plug")

    known = Frame("unknown function (plugin example.com/plug)", "?", 0)
    assert [None, known, known, None] == [plugins.frame(pc) for pc in (0x1000, 0x1001, 0x2000, 0x2001)]
    assert plugins


def test_an_executable_without_plugins_has_none() -> None:
    """It says so."""
    assert not Plugins()
    assert Plugins().frame(0x1000) is None


def test_where_processes_have_different_plugins_none_is_named() -> None:
    """One executable, two processes, two plugins at one address."""
    plugins = Plugins()
    plugins.add(0x1000, 0x2000, "one")
    plugins.add(0x1800, 0x2800, "other")

    names = [frame.function for pc in (0x1001, 0x1900, 0x2801 - 1) if (frame := plugins.frame(pc))]
    assert ["unknown function (plugin one)", "unknown function", "unknown function (plugin other)"] == names


def test_only_so_many_are_remembered() -> None:
    """The oldest are forgotten."""
    plugins = Plugins()
    for number in range(1000):
        plugins.add(0x1000 * number, 0x1000 * number + 0x100, str(number))

    assert plugins.frame(0x10) is None
    assert plugins.frame(0x1000 * 999 + 1)
