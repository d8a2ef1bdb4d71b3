"""`otelchan goroutines`: all goroutines with their stacks, in the formats that people's tools read."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator

from otelchan.commands.common import FINE, Help
from otelchan.commands.looking import Look, add_sources, look_at
from otelchan.errors import UsageError

_PIECE = 1 << 16  # characters written at a time

HELP = Help(
    "dump all goroutines as pprof, panicparse or scripts read them",
    "Read one program's memory, without stopping it and without the program serving anything, and write all of its "
    "goroutines with their stacks: as the text of /debug/pprof/goroutine?debug=2, as the profile that `go tool pprof` "
    "opens, or as JSON. Or the same of a core file, or of a recording. Arguments of functions are not read, nor stacks "
    "of goroutines that are running.",
    "otelchan goroutines 4711 --format pprof -o shop.pb.gz && go tool pprof -top shop.pb.gz",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which process, core or recording, in which format, where to."""
    add_sources(parser)
    parser.add_argument("--format", choices=("text", "pprof", "json"), default="text", help="format (default: text)")
    parser.add_argument("--json", dest="format", action="store_const", const="json", help="the same as --format json")
    parser.add_argument("-o", "--output", metavar="FILE", help="file to write, replaced if it exists (default: stdout)")


def main(arguments: argparse.Namespace) -> int:
    """Raises OtelchanError."""
    if arguments.format == "pprof" and not arguments.output and sys.stdout.isatty():
        raise UsageError("a pprof profile is binary and would garble the terminal; write it to a file with -o FILE")
    look = look_at(arguments, requests=arguments.format == "json")
    pieces = _pieces(look, arguments.format)
    if arguments.output:
        _write(arguments.output, pieces)
    else:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
    return FINE


def _write(path: str, pieces: Iterable[bytes]) -> None:
    from otelchan.files import whole_file

    try:
        with whole_file(path, replace=True, mode=0o600) as file:
            for piece in pieces:
                file.write(piece)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}; give another path after -o") from None


def _pieces(look: Look, form: str) -> Iterator[bytes]:
    """Bytes of the document, a piece at a time. Raises BinaryError."""
    if form == "pprof":
        from otelchan.gobinary.notes import gnu_build_id
        from otelchan.view.goroutines_pprof import goroutine_profile

        build_id = gnu_build_id(look.file) if look.file else ""
        yield goroutine_profile(look.image, look.census, look.process.executable, build_id)
    elif form == "json":
        from otelchan.model.names import names_for_census
        from otelchan.view.goroutines_json import goroutine_lines

        names = names_for_census(look.image, look.census)
        yield from _joined(goroutine_lines(look.process, look.image, look.census, names, look.origin, look.requests))
    else:
        from otelchan.view.goroutines_text import goroutine_texts

        yield from _joined(goroutine_texts(look.image, look.census))


def _joined(texts: Iterable[str]) -> Iterator[bytes]:
    waiting: list[str] = []
    size = 0
    for text in texts:
        waiting.append(text)
        size += len(text)
        if size >= _PIECE:
            yield "".join(waiting).encode()
            waiting, size = [], 0
    yield "".join(waiting).encode()
