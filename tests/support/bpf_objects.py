"""What the kernel itself says about the BPF links, programs and maps that a process holds.

/proc/PID/fdinfo names them (kernel/bpf/syscall.c, bpf_link_show_fdinfo and its like), bpftool asks for the rest by id.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

LINK_TYPES = {"uprobe_multi": "multi", "perf": "perf"}


class Map(NamedTuple):
    """As it was made."""

    type: str
    key_bytes: int
    value_bytes: int
    max_entries: int
    flags: int


class Held(NamedTuple):
    """ways: those of otelchan by which links attach. links: how many. programs: ids."""

    ways: set[str]
    links: int
    programs: set[int]
    maps: set[int]


def held_by(pid: int) -> Held:
    """The links of a process, also of threads with descriptors of their own, the programs behind them, and its maps."""
    paths = [path for task in Path(f"/proc/{pid}/task").iterdir() for path in _entries(task / "fdinfo")]
    infos = [info for info in map(_fdinfo, paths) if info]
    links = list({info["link_id"]: info for info in infos if "link_type" in info}.values())
    return Held(
        {LINK_TYPES.get(link["link_type"], link["link_type"]) for link in links},
        len(links),
        {int(info["prog_id"]) for info in infos if "prog_id" in info},
        {int(info["map_id"]) for info in infos if "map_id" in info},
    )


def loader_of(program: int) -> str:
    """Who compiled a program: BCC gives its source a name that no file has (src/cc/frontends/clang/loader.cc)."""
    lines = _bpftool("prog", "dump", "xlated", "id", str(program), "linum")
    files = {line["file"] for line in lines if line.get("file")}
    if "/virtual/main.c" in files:
        return "bcc"
    assert any(file.endswith("otelchan.bpf.c") for file in files), f"compiled from {files}"
    return "libbpf"


def maps(held: Held) -> dict[str, Map]:
    """By name."""
    found = {}
    for number in held.maps:
        info = _bpftool("map", "show", "id", str(number))
        sizes = (info["bytes_key"], info["bytes_value"], info["max_entries"], info["flags"])
        found[info["name"]] = Map(info["type"], *sizes)
    return found


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:  # a thread that has ended
        return []


def _fdinfo(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text().splitlines()
    except OSError:  # closed meanwhile
        return {}
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def _bpftool(*arguments: str) -> Any:
    environment = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"}
    done = subprocess.run(["bpftool", "-j", *arguments], capture_output=True, text=True, env=environment, check=True)
    return json.loads(done.stdout)
