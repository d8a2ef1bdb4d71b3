"""The manual page otelchan(1), from the same parsers as --help. Written where a wheel is built (hatch_build.py).

Form: man(7) and groff_man(7). A page has no date, so that one revision gives one page.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from otelchan import __version__
from otelchan.commands.parsers import Command, Option, commands_of

_EXIT = (
    ("0", "fine"),
    ("1", "a check found something: doctor is not ready, diff and findings found something"),
    ("2", "something that you can fix; one sentence on standard error says what and how"),
    ("3", "a bug of otelchan's; --debug shows where"),
)
_FILES = (
    ("/run/otelchan", "locks: one otelchan per program"),
    (
        "/var/cache/otelchan/images",
        "what is known of executables (image_cache); for a user $XDG_CACHE_HOME/otelchan/images",
    ),
    ("/var/lib/otelchan/dumps", "dumps of goroutines (dumps.folder); for a user $XDG_STATE_HOME/otelchan/dumps"),
)
_ENVIRONMENT = (
    ("OTELCHAN_*", "every setting of the configuration file; `otelchan config print` lists them with their sources"),
    ("OTEL_*", "the endpoint and the other settings that OpenTelemetry defines"),
)


def page(parser: argparse.ArgumentParser) -> str:
    """The whole page, for man. parser: that of the whole command line."""
    whole, *commands = commands_of(parser)
    return "\n".join([*_head(whole), *_commands(commands), *_options(whole), *_foot()]) + "\n"


def _head(whole: Command) -> Iterator[str]:
    yield f'.TH OTELCHAN 1 "" "otelchan {__version__}" "User Commands"'
    yield ".nh\n.ad l"  # an option that is cut in two can be neither found nor copied
    yield ".SH NAME\notelchan \\- channels and goroutines of running Go programs, as OTLP"
    yield ".SH SYNOPSIS\n.B otelchan\n.I COMMAND\n.RI [ options ]"
    yield f".SH DESCRIPTION\n{_text(whole.description)}"
    yield ".PP\nNo program is changed or stopped. What is sent is OTLP, to any OpenTelemetry Collector."


def _commands(commands: Sequence[Command]) -> Iterator[str]:
    yield ".SH COMMANDS"
    for command in commands:
        yield f'.SS "{_text(command.name)}"'
        if command.summary:
            yield f"{_text(command.summary[0].upper() + command.summary[1:])}."
        yield f".PP\n{_text(command.description)}"
        for option in (*command.arguments, *(one for one in command.options if "--help" not in one.flags)):
            yield _item(option)
        if command.example:
            yield f".PP\nExample:\n.PP\n.RS 4\n.nf\n{_text(command.example)}\n.fi\n.RE"


def _options(whole: Command) -> Iterator[str]:
    yield ".SH OPTIONS"
    yield from (_item(option) for option in whole.options)
    yield ".PP\nEvery command has\n.B \\-\\-help\ntoo."


def _foot() -> Iterator[str]:
    for title, rows in (("EXIT STATUS", _EXIT), ("ENVIRONMENT", _ENVIRONMENT), ("FILES", _FILES)):
        yield f".SH {title}"
        yield from (f".TP\n.B {_text(name)}\n{_text(said)}" for name, said in rows)
    yield ".SH SEE ALSO\n.BR capabilities (7),\n.BR bpf (2)"


def _item(option: Option) -> str:
    value = option.value or "|".join(option.choices) if not _is_switch(option) else ""
    flags = ", ".join(f"\\fB{_text(flag)}\\fR" for flag in option.flags)
    tag = " ".join(part for part in (flags, value and f"\\fI{_text(value)}\\fR") if part)
    choices = f": {', '.join(option.choices)}" if option.choices and option.value else ""
    return f".TP\n{tag}\n{_text(option.text + choices)}"


def _is_switch(option: Option) -> bool:
    return bool(option.flags) and not option.value and not option.choices


def _text(said: str) -> str:
    """As it is, in roff: where a line begins with a point or quote it would be a request, and a hyphen that is typed is
    not the one that is printed."""
    escaped = said.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    escaped = escaped.replace("^", "\\(ha").replace("~", "\\(ti").replace("…", "\\&...")
    return "\n".join(f"\\&{line}" if line.startswith((".", "\\(aq")) else line for line in escaped.split("\n"))
