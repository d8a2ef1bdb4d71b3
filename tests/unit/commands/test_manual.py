"""The manual page: everything that the parsers say is in it, and nothing in it is taken for a request of roff."""

from __future__ import annotations

import argparse
import re

from otelchan import commands
from otelchan.cli import make_parser
from otelchan.commands.manual import page
from otelchan.commands.parsers import Command, Option, commands_of


def a_parser() -> argparse.ArgumentParser:
    """One with everything that the page has to say."""
    parser = argparse.ArgumentParser(prog="tool", description="Does  things.", epilog="Exit status: 0.")
    inner = parser.add_subparsers(dest="command", metavar="COMMAND").add_parser(
        "go", help="go there", description="Goes there.", epilog="example:\n  tool go -n 3"
    )
    inner.add_argument("place", help="where")
    inner.add_argument("-n", "--number", type=int, default=3, help="how often (default: %(default)s)")
    inner.add_argument("--way", choices=("by-land", "by-sea"), help=".hidden is not a request")
    inner.add_argument("--secret", help=argparse.SUPPRESS)
    return parser


def test_the_walk_gives_each_command_once_with_what_it_takes() -> None:
    """In the order of --help, what is suppressed left out."""
    whole, go = commands_of(a_parser())
    expected = Command(
        name="tool go",
        usage="tool go [-h] [-n NUMBER] [--way {by-land,by-sea}] place",
        summary="go there",
        description="Goes there.",
        example="tool go -n 3",
        notes="",
        arguments=(Option((), "place", "where"),),
        options=(
            Option(("-h", "--help"), "", "show this help message and exit"),
            Option(("-n", "--number"), "NUMBER", "how often (default: 3)"),
            Option(("--way",), "", ".hidden is not a request", ("by-land", "by-sea")),
        ),
    )

    assert ("tool", "Does things.", "Exit status: 0.") == (whole.name, whole.description, whole.notes)
    assert expected == go


def test_the_walk_knows_every_command() -> None:
    """Those of otelchan, and those of its commands."""
    names = [command.name for command in commands_of(make_parser())]

    assert ["otelchan", *(f"otelchan {name}" for name in commands.NAMES)] == [
        name for name in names if not name.startswith("otelchan config ")
    ]
    assert "otelchan config validate" in names


def test_the_page_has_every_option_of_every_command() -> None:
    """As --help has it; hyphens are ones that can be copied."""
    text = page(make_parser()).replace("\\-", "-")

    for command in commands_of(make_parser()):
        for option in command.options:
            assert [] == [flag for flag in option.flags if f"\\fB{flag}\\fR" not in text]


def test_no_text_becomes_a_request() -> None:
    """A line that begins with a point or an apostrophe is a request only when the page means it."""
    lines = page(a_parser()).splitlines()

    assert {".TH", ".nh", ".ad", ".SH", ".SS", ".PP", ".TP", ".B", ".BR", ".I", ".RI", ".RS", ".RE", ".nf", ".fi"} >= {
        line.split()[0] for line in lines if line.startswith((".", "'"))
    }
    assert "\\&.hidden is not a request" in lines


def test_the_page_is_plain_and_the_same_each_time() -> None:
    """ASCII, so that every man shows it, and without a date."""
    first, second = page(make_parser()), page(make_parser())

    assert first == second
    assert None is re.search(r"[^\x00-\x7f]", first)
    assert first.startswith('.TH OTELCHAN 1 "" "otelchan ')
