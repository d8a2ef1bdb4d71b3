"""What the agent may do once it runs: what it needs no more is given up. Composition: joins config, target and kernel.

docs/permissions.md says what each capability is for.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from otelchan.config import Config, dump_folder, environment
from otelchan.errors import KernelError
from otelchan.kernel.capabilities import Capability, alone, keep, permitted
from otelchan.kernel.links import Attach
from otelchan.kernel.session import Session
from otelchan.target.lock import FOLDER
from otelchan.target.selection import Selection

log = logging.getLogger("otelchan")

Later = tuple[Path, int]
"""A file or a folder that is used later, and how: os.R_OK, os.W_OK, os.X_OK."""

READING = (Capability.SYS_PTRACE, Capability.DAC_READ_SEARCH)
"""What it takes to look at a program that appears."""


def only(*wanted: Capability) -> None:
    """This thread has no capability but these from now on, and those that it starts have no others."""
    try:
        keep(wanted)
    except OSError as error:
        log.warning("capabilities cannot be given up: %s; what the agent needs no more it has all the same", error)


def say_who_is_not_seen(selection: Selection) -> None:
    """Who looks for programs passes over those that it may not look at, and nothing else would say so."""
    if not selection.searches:
        return
    had = permitted()
    if Capability.SYS_PTRACE not in had:
        _say_not_seen("programs of other users", Capability.SYS_PTRACE)
    if not {Capability.DAC_READ_SEARCH, Capability.DAC_OVERRIDE} & had:
        _say_not_seen("programs whose executables this user may not read", Capability.DAC_READ_SEARCH)


def _say_not_seen(programs: str, lacking: Capability) -> None:
    log.warning(
        "%s are not seen: that takes %s, which otelchan has not here; run as root, or give it that "
        "(docs/permissions.md)",
        programs,
        lacking,
    )


def restrict(
    config: Config, selection: Selection, session: Session, later: Iterable[Later] = ()
) -> dict[Capability, str]:
    """Give up what is not needed once the kernel side is loaded and the selected programs are open; what stays, and
    why. For the thread that watches, before it starts others. later: files and folders that a command uses afterwards,
    and how, beside those of the configuration."""
    needed = needs(
        searches=selection.searches,
        way=session.way,
        budget=config.program_budget is not None or config.node_budget is not None,
        maps_alone=_works(lambda: alone(lambda: session.tally(0))),
        memory_alone=_works(lambda: alone(lambda: _may_read(selection.pids))),
        files_alone=usable_alone([*files(config), *folders(config), *later]),
    )
    had = permitted()
    only(*needed)
    left = [f"{one} ({why})" for one, why in needed.items() if one in had]
    log.info("of %d capabilities %d are needed from now on: %s", len(had), len(left), ", ".join(left) or "none")
    return needed


def needs(
    *, searches: bool, way: Attach, budget: bool, maps_alone: bool, memory_alone: bool, files_alone: bool
) -> dict[Capability, str]:
    """What is needed while programs are watched, and why.

    searches: programs may appear. budget: there is one, so time slices and their samples may be taken. maps_alone,
    memory_alone, files_alone: whether BPF maps, the programs' memory and the configured files can be used without any.
    """
    found: dict[Capability, str] = {}
    if searches or not memory_alone:
        found[Capability.SYS_PTRACE] = "memory of programs"
    if searches:
        found[Capability.DAC_READ_SEARCH] = "executables of programs that appear"
    if not maps_alone:
        found[Capability.BPF] = "BPF maps on this kernel"
    if budget or not maps_alone:
        found[Capability.PERFMON] = "samples of programs that are estimated"
    if way is Attach.PERF:
        found[Capability.SYS_ADMIN] = "perf events for probes"
    elif budget:
        found[Capability.SYS_NICE] = "time slices that end in time"
    if not files_alone:
        found[Capability.DAC_OVERRIDE] = "files and folders of another user"
    return found


def files(config: Config) -> list[tuple[Path, int]]:
    """The files that are opened later, and how: the network's keys are read, a file of telemetry is made anew."""
    found = []
    for some in (config.otlp, config.otlp.metrics, config.otlp.traces):
        read = (some.certificate, some.client_certificate, some.client_key)
        found += [(Path(path), os.R_OK) for path in read if path]
    if config.otlp_file:
        found.append(written(config.otlp_file))
        for signal in ("metrics", "traces"):
            path = Path(config.otlp_file.replace("{signal}", signal))
            found += [(path, os.W_OK)] if _is_there(path) else []
    return found


def written(path: str) -> tuple[Path, int]:
    """Of a file that is made later: its folder."""
    return Path(path).absolute().parent, os.W_OK | os.X_OK


def folders(config: Config, locks: Path = FOLDER) -> list[tuple[Path, int]]:
    """Folders that are written to later, or the next one above that is there: locks of programs, dumps."""
    wanted = [locks, *filter(None, [dump_folder(config, environment())])]
    found = [next((each for each in (path, *path.parents) if _is_there(each)), path) for path in wanted]
    return [(path, os.W_OK | os.X_OK) for path in found]


def usable_alone(wanted: Iterable[tuple[Path, int]]) -> bool:
    """Whether those that can be used now could be without any capability. The others, as on a file system that nobody
    may write to, are no reason to keep one."""
    usable = [file for file in wanted if _may_use(file)]
    return alone(lambda: all(map(_may_use, usable)))


def _is_there(path: Path) -> bool:
    """As far as this user can know: whoever opens it says what is wrong with it."""
    return os.access(path, os.F_OK)


def _may_use(file: tuple[Path, int]) -> bool:
    path, how = file
    return os.access(path, how, effective_ids=True)


def _may_read(pids: Iterable[int]) -> None:
    for pid in pids:
        os.close(os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC))


def _works(work: Callable[[], object]) -> bool:
    try:
        work()
    except (OSError, KernelError):
        return False
    return True
