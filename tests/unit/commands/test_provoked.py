"""Errors that are provoked: what is printed leads to the very row of the tables that is about it.

The command line as a user has it, in this process; those that need a Go program are in tests/e2e/test_errors.py.
"""

from __future__ import annotations

import gzip
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from otelchan.cli import main
from otelchan.troubleshooting import about, rows

Arguments = list[str | int | Path]
Provoke = Callable[[Path], Arguments]


def file(folder: Path, content: bytes | str, name: str = "file") -> Path:
    """A file with that in it."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def config(text: str) -> Provoke:
    """`run` with a configuration file."""
    return lambda folder: ["run", 1, "--config", file(folder, text, "otelchan.yaml")]


def changed_elf(folder: Path, machine: bytes, least: int = 1 << 30) -> Path:
    """Python's own executable as one for another machine, or cut off."""
    content = bytearray(Path(sys.executable).resolve().read_bytes()[:least])
    content[18:20] = machine
    return file(folder, bytes(content))


def fifo(folder: Path) -> Path:
    """A pipe with a name."""
    path = folder / "pipe"
    os.mkfifo(path)
    return path


X86_64, RISC_V = b"\x3e\x00", b"\xf3\x00"
PROVOKED: dict[str, Provoke] = {
    "there is no running process …; look its id up again": lambda _: ["census", 4194303],
    "… is not a Go executable": lambda _: ["census", os.getpid()],
    "… is not an ELF executable": lambda f: ["plan", "--file", file(f, "#!/bin/sh\n")],
    "… is empty; give the path of a Go executable": lambda f: ["plan", "--file", file(f, "")],
    "… cannot be opened: …": lambda f: ["plan", "--file", f / "none"],
    "… is built for …; otelchan supports amd64, and plans for arm64": lambda f: [
        "plan", "--file", changed_elf(f, RISC_V)
    ],
    "… is a damaged ELF file (…); copy or build it again": lambda f: ["plan", "--file", changed_elf(f, X86_64, 100)],
    "the core … cannot be read: …; give the path of a core file": lambda f: ["census", "--core", f / "none"],
    "… is not a core file; give one that the kernel or gcore wrote": lambda f: ["census", "--core", file(f, "x" * 99)],
    "… is compressed; unpack it first": lambda f: ["census", "--core", file(f, b"\x28\xb5\x2f\xfd" + bytes(99))],
    "… is an executable, not a core file; give the core": lambda _: ["census", "--core", sys.executable],
    "… is empty; the disk or the limit": lambda f: ["census", "--core", file(f, "")],
    "… is not a recording; give what": lambda f: ["census", "--recording", file(f, gzip.compress(b"{}\n"))],
    "the recording … is cut off: it has no end; copy it again": lambda f: [
        "census", "--recording", file(f, gzip.compress(b"x" * 99)[:-20])
    ],
    "the recording … is damaged (…); copy it again": lambda f: [
        "census", "--recording", file(f, gzip.compress(b"x\n"))
    ],
    "the recording … has format …, and this otelchan plays format …": lambda f: [
        "census", "--recording", file(f, gzip.compress(b'{"kind": "header", "format": 99, "otelchan": "9.0"}\n'))
    ],
    "the recording … cannot be read: …": lambda f: ["census", "--recording", f / "none"],
    "… is empty; give what": lambda f: ["census", "--recording", file(f, gzip.compress(b""))],
    "… is not a snapshot; give a file that": lambda f: ["diff", file(f, "a"), file(f, "b", "other")],
    "the snapshot … cannot be read: …": lambda f: ["diff", f / "none", f / "none"],
    "there is no finding …; give one of …": lambda _: ["explain", "F99"],
    "no message with … is known; give a line as it was printed, in quotes, or a few words of one": lambda _: [
        "explain", "--error", "hello there"
    ],
    "… is neither OTLP JSON lines nor a snapshot": lambda f: ["report", file(f, "hello"), "-o", f / "page.html"],
    "… is compressed with zstd; unpack it with": lambda f: [
        "report", file(f, b"\x28\xb5\x2f\xfd" + bytes(99)), "-o", f / "page.html"
    ],
    "… is not a regular file; write what comes from it to one": lambda f: ["report", fifo(f), "-o", f / "page.html"],
    "… cannot be read: …; give the path of a recording or snapshot": lambda f: [
        "report", f / "none", "-o", f / "page.html"
    ],
    "no program that otelchan watched is in …": lambda f: [
        "report", file(f, '{"resourceMetrics": []}\n'), "-o", f / "page.html"
    ],
    "the live screen needs a terminal, and stdin or stderr is none": lambda _: ["top", os.getpid()],
    "--json prints one frame and top goes on; add --once": lambda _: ["top", os.getpid(), "--json"],
    "no process was named": lambda _: ["run"],
    "both … and … were given; say which processes in one way only": lambda _: ["run", 1, "--all"],
    "an empty glob fits nothing; give one such as --exclude '/usr/lib/*', or leave it out": lambda _: [
        "run", "--all", "--exclude", ""
    ],
    "… narrows --exe and --all, but process ids were given; leave one of them out": lambda _: [
        "run", 1, "--exclude", "*/shop"
    ],
    "… is no process id; give a number such as 4711, or --exe GLOB": lambda _: ["run", "shop"],
    "… is no time; give seconds above zero, such as 10 or 0.5": lambda _: ["run", 1, "--interval", "soon"],
    "… is no time to look; give seconds up to 600, or 0 not to look": lambda _: ["plan", 1, "--sample", "601"],
    "… is no budget; give percent of one core, such as 3, or off": lambda _: ["run", 1, "--max-overhead", "lots"],
    "… is no number of rows; give one such as 50, or 0 for all": lambda _: ["census", 1, "--limit", "many"],
    "… is no number of that kind; give 1, 2 or so on": lambda _: ["diff", "a", "b", "--least", "0"],
    "… is no size; give bytes such as 500000, or 64M or 1G": lambda _: ["record", 1, "-o", "x", "--max-bytes", "much"],
    "a trial of … is none; give a time from 10ms to 10s, such as 100ms": lambda _: ["plan", 1, "--trial", "1h"],
    "both --file … and processes were given; say which in one of the two ways": lambda _: ["plan", 1, "--file", "x"],
    "--trial needs a running process, and … is a file; leave one of them out": lambda _: [
        "plan", "--file", "x", "--trial"
    ],
    "… and … were given; say in one way what to look at": lambda _: ["census", 4711, "--core", "x"],
    "--… … means something only with --…; add that": lambda _: ["census", 4711, "--binary", "x"],
    "cannot read the configuration file …: …; give another --config": lambda f: ["run", 1, "--config", f / "none"],
    "unknown setting …; the nearest known one is …": config("intervall_s: 5\n"),
    "… is …, but must be …; see docs/configuration.md": config("interval_s: soon\n"),
    "… is there twice, in line … too; leave one out": config("interval_s: 5\ninterval_s: 6\n"),
    "… is written with a dot; write each part on a line of its own, indented": config("otlp.endpoint: http://a:1\n"),
    "… has … where a secret was masked; write the secret there": config("otlp: {headers: {key: '***'}}\n"),
    "…; the configuration file must be YAML": config("otlp: [\n"),
    "the configuration file must be a mapping of settings": config("- interval_s\n"),
    "… is …, but must be a mapping of settings; see docs/configuration.md": config("otlp: 7\n"),
    "the merge key << is not known here; write an alias in place of a whole section": config("otlp: {<<: {}}\n"),
    "… cannot be read: …; see docs/configuration.md": config("interval_s: !!int five\n"),
    "no condition is given, but one of … must be": config("naming: {aliases: [{name: orders}]}\n"),
    "status.listen is …, which is no loopback address, so others could reach it": config(
        "status: {listen: '0.0.0.0:9464'}\n"
    ),
}  # fmt: skip


@pytest.mark.parametrize("message", PROVOKED)
def test_what_is_printed_leads_to_its_row(message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Exit status 2, one sentence on stderr, no traceback; of the rows about it the first is the one that is meant."""
    try:
        status = main([str(argument) for argument in PROVOKED[message](tmp_path)])
    except SystemExit as end:  # of argparse
        status = int(end.code or 0)
    said = capfd.readouterr().err

    assert (2, False) == (status, "Traceback" in said), said
    (line,) = re.findall(r"^otelchan[a-z ]*: .*", said, re.MULTILINE)
    assert message in [row.message for row in about(line)], line


def test_many_are_provoked() -> None:
    """Each is a row of the tables; a quarter of those that are errors, not warnings."""
    errors = {row.message for row in rows() if not row.where}

    assert set() == PROVOKED.keys() - {row.message for row in rows()}
    assert len(PROVOKED) >= len(errors) / 4
