"""Everything about one Go executable, from the file alone: the stage as one function."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from otelchan.errors import BinaryError
from otelchan.gobinary.buildinfo import read_build_info, supported_release
from otelchan.gobinary.callers import with_callers
from otelchan.gobinary.elf import Elf, NotInFile
from otelchan.gobinary.functions import FunctionTable
from otelchan.gobinary.globals import find_globals
from otelchan.gobinary.layouts import layout_of
from otelchan.gobinary.machines import MACHINES
from otelchan.gobinary.moduledata import find_module, function_table
from otelchan.gobinary.signalmap import find_signal_map
from otelchan.gobinary.types import CHANNEL_FUNCTIONS, NOT_KNOWN, REFLECTED, REFLECTED_SEND, GoImage

_LOOKED_UP = [
    "runtime.selectgo",
    "reflect.makechan",
    "reflect.MakeChan",
    "runtime.makechan64",
    "runtime.goexit",
    "runtime.cgocallback",
    "runtime.systemstack_switch",
    "runtime.cgocall",
    *CHANNEL_FUNCTIONS,
    *REFLECTED,
    REFLECTED_SEND,
]


def analyse(path: str | Path) -> GoImage:
    """What is in the executable at `path`. Takes a second or two and some hundred megabytes for a large one.

    Raises BinaryError for what is not an executable of a supported Go release for amd64 or arm64, or not understood for
    sure: position independent and cgo executables and -race builds are read like others.
    """
    try:
        return _analyse(path)
    except NotInFile as error:
        raise BinaryError(f"{error}, which is damaged; copy or build it again") from None


def _analyse(path: str | Path) -> GoImage:
    with Elf(path) as elf:
        build = read_build_info(elf)
        release = supported_release(elf.path, build.go_version)
        layout = layout_of(elf, release)
        module = find_module(elf, layout)
        functions = FunctionTable(elf.path, function_table(elf, module, release.minor))
        functions.find_all(_LOOKED_UP)  # what it finds travels with the table
        if functions.find("runtime.goexit") is None:
            how = "has obfuscated function names, as garble makes them"
            raise BinaryError(f"{elf.path} {how}; build it without garble")
        machine = MACHINES[elf.architecture]
        code = machine.code(elf.read, functions, elf.segments)
        sites, missing = machine.find_sites(code, layout)
        made = machine.find_make_sites(code, layout)
        amd64 = elf.architecture == "amd64"
        image = GoImage(
            path=elf.path,
            build_id=elf.build_id,
            build=build,
            position_independent=elf.position_independent,
            stripped=elf.stripped,
            segments=elf.segments,
            layout=layout,
            globals=replace(
                find_globals(elf, code, layout, module, machine.decode_globals),
                signal_map=find_signal_map(code) if amd64 else NOT_KNOWN,
            ),
            functions=functions,
            sites=sites,
            missing=missing,
            make_sites=with_callers(elf, code, made) if amd64 else made,
        )
    return image
