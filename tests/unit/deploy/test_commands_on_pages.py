"""Commands of otelchan that stand on pages are commands that there are: its own parser takes them."""

from __future__ import annotations

import re
import shlex
from functools import cache

import pytest

from otelchan.cli import make_parser
from scripts.docpages import ROOT, code_lines, sources

_OTELCHAN = re.compile(r"\s*(?:sudo )?(?:\S*/)?otelchan ((?=[a-z-]).*)")
_BEHIND = re.compile(r" #|\s[|&>;]|\s2>")
"""What ends a command in a line: a comment, a pipe and so on."""
_NUMBERS = ("PID", "GOID", "N", "S")
_MENTIONED = re.compile("the following arguments are required|expected (at least )?one argument")
"""Said of a command that a page only names, such as `otelchan diff`."""


_parser = cache(make_parser)


def said_of(line: str, capsys: pytest.CaptureFixture[str]) -> str | None:
    """What the parser has against a command line, or None; None too when the line is no command or only its form."""
    found = _OTELCHAN.fullmatch(line)
    command = _BEHIND.split(found[1])[0] if found else ""
    if not found or re.search(r"…|\.\.\.|[\[{]", command):
        return None
    words = ["4711" if word in _NUMBERS else word for word in shlex.split(command)]
    try:
        _parser().parse_args(words)
    except SystemExit as ended:
        said = capsys.readouterr().err.strip().rpartition("error: ")[2]
        return said if ended.code and not _MENTIONED.search(said) else None
    return None


@pytest.mark.parametrize("page", sources())
def test_commands_of_otelchan_are_understood(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command and option of otelchan that a page shows is one that its parser takes."""
    lines = code_lines((ROOT / page).read_text())
    assert [] == [(line, said) for line in lines if (said := said_of(line, capsys)) is not None]


@pytest.mark.parametrize(
    ("line", "understood"),
    [
        ("sudo otelchan run --exe '/srv/*' --interval 10 # until stopped", True),
        ("/opt/otelchan/bin/otelchan findings PID --duration 40 | tee seen", True),
        ("otelchan diff", True),
        ("otelchan runn 4711", False),
        ("otelchan run --intervall 10 4711", False),
        ("otelchan run --backend magic 4711", False),
    ],
)
def test_a_command_that_is_not_there_is_seen(line: str, understood: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """A name, an option or a value that the parser does not know is told; what it knows is not."""
    assert understood == (said_of(line, capsys) is None)
