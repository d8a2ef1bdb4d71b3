"""GNU's build id of an executable, by which pprof, perf and debuggers know it; Go's own one is in BuildInfo's place."""

from __future__ import annotations

from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import NoteSection


def gnu_build_id(path: str | Path) -> str:
    """In hexadecimal; "" when it has none, or cannot be read. Go writes one since 1.24, where asked for before."""
    try:
        with Path(path).open("rb") as file:
            section = ELFFile(file).get_section_by_name(".note.gnu.build-id")
            notes = section.iter_notes() if isinstance(section, NoteSection) else ()
            return next((str(note["n_desc"]) for note in notes if note["n_type"] == "NT_GNU_BUILD_ID"), "")
    except (OSError, ELFError, ValueError, KeyError):
        return ""
