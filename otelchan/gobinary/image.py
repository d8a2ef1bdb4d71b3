"""Everything about one Go executable, from the file alone: the stage as one function."""

from __future__ import annotations

from pathlib import Path

from otelchan.gobinary.buildinfo import read_build_info, supported_release
from otelchan.gobinary.code import CodeView
from otelchan.gobinary.elf import Elf
from otelchan.gobinary.functions import FunctionTable
from otelchan.gobinary.globals import find_globals
from otelchan.gobinary.layouts import layout_of
from otelchan.gobinary.makesites import find_make_sites
from otelchan.gobinary.moduledata import find_module, function_table
from otelchan.gobinary.sites import find_sites
from otelchan.gobinary.types import GoImage

_LOOKED_UP_LATER = ["runtime.selectgo", "reflect.makechan", "runtime.goexit"]


def analyse(path: str | Path) -> GoImage:
    """What is in the executable at `path`. Takes a second or two and some hundred megabytes for a large one.

    Raises BinaryError for what is not an executable of a supported Go release for amd64, or not understood for sure:
    position independent and cgo executables and -race builds are read like others.
    """
    with Elf(path) as elf:
        build = read_build_info(elf)
        release = supported_release(elf.path, build.go_version)
        layout = layout_of(elf, release)
        module = find_module(elf, layout)
        functions = FunctionTable(elf.path, function_table(elf, module, release.minor))
        code = CodeView(elf.read, functions, elf.segments)
        sites, missing = find_sites(code, layout)
        image = GoImage(
            path=elf.path,
            build_id=elf.build_id,
            build=build,
            position_independent=elf.position_independent,
            stripped=elf.stripped,
            segments=elf.segments,
            layout=layout,
            globals=find_globals(elf, code, layout, module.address),
            functions=functions,
            sites=sites,
            missing=missing,
            make_sites=find_make_sites(code, layout),
        )
    functions.find_all(_LOOKED_UP_LATER)  # what it finds travels with the table
    return image
