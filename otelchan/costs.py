"""What a hit costs on this machine: measured once per boot, kept on disk. Composition: joins kernel and plan.

Kept in the folder of analysed executables (setting `image_cache`), which is ours alone; without one it is measured in
each process, which takes a fifth of a second.
"""

from __future__ import annotations

import hashlib
import logging
import os
from contextlib import suppress
from pathlib import Path

import msgspec

from otelchan.errors import KernelError
from otelchan.files import own_folder, whole_file
from otelchan.gobinary.analysis import kept_in
from otelchan.kernel.calibration import calibrate
from otelchan.kernel.loaders import OBJECT
from otelchan.kernel.session import Session
from otelchan.kernel.types import TARGETS
from otelchan.plan.costs import from_loops

log = logging.getLogger("otelchan")

FILE = "costs.json"
_MOST_BYTES = 4096
_TARGET = TARGETS - 1  # the last one that is given to a program
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_known: dict[str, dict[int, float]] = {}
"""By key, for those who begin more than one session."""


class Kept(msgspec.Struct, forbid_unknown_fields=True):
    """What is on disk. key: of what it depends on. cost_ns: of a hit in a loop, by kind of site."""

    key: str
    cost_ns: dict[int, float]


def measure(session: Session) -> None:
    """Have a session know what hits cost here, before it watches anything.

    What goes wrong is said, and then the costs are those of the reference machine.
    """
    recall(session)
    if session.costs is not None:
        return
    try:
        key, found = _key(session), calibrate(session, _TARGET)
        session.costs = from_loops(found)
    except (KernelError, ValueError, OSError) as error:
        log.info("what a hit costs is taken from the reference machine: %s", error)
        return
    _known[key] = found
    _keep(kept_in(), Kept(key, found))
    costs = session.costs.by_kind.values()
    log.info("a hit costs about %.1f to %.1f us here, by kind of site", min(costs) / 1e3, max(costs) / 1e3)


def recall(session: Session) -> None:
    """The same of what was measured before, if that can be. Attaches nothing, not even to a program of our own."""
    with suppress(ValueError, OSError):
        key = _key(session)
        found = _known.get(key) or _kept(kept_in(), key)
        if found:
            session.costs = from_loops(found)
            _known[key] = found


def _key(session: Session) -> str:
    """Of everything that it depends on: this boot (kernel, processor), how it is attached, what is executed."""
    parts = [
        _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else "",
        *os.uname(),
        str(len(os.sched_getaffinity(0))),
        session.backend,
        session.way,
        hashlib.sha256(OBJECT.read_bytes()).hexdigest() if OBJECT.exists() else "",
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _kept(folder: Path | None, key: str) -> dict[int, float] | None:
    if folder is None:
        return None
    try:
        with own_folder(folder, create=False) as opened:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            with os.fdopen(os.open(FILE, flags, dir_fd=opened), "rb") as file:
                kept = msgspec.json.decode(file.read(_MOST_BYTES), type=Kept)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        log.debug("%s in %s is not used: %s", FILE, folder, error)
        return None
    return kept.cost_ns if kept.key == key else None


def _keep(folder: Path | None, kept: Kept) -> None:
    if folder is None:
        return
    with suppress(OSError), own_folder(folder, create=True), whole_file(folder / FILE, True, 0o600) as file:
        file.write(msgspec.json.encode(kept))
