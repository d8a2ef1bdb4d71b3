"""analyse() in a child process, so that neither its memory nor its seconds are the agent's; results are kept."""

from __future__ import annotations

import os
import pickle
import resource
import signal
import subprocess
import sys
from pathlib import Path

from otelchan.errors import BinaryError
from otelchan.gobinary.elf import Elf
from otelchan.gobinary.types import GoImage

_ROOT = str(Path(__file__).parents[2])
# -P and an explicit folder: the child imports this very package, and nothing from the current folder.
_CHILD = "import sys; sys.path.insert(0, sys.argv[1]); from otelchan.gobinary.analysis import serve; serve(sys.argv[2])"
_TIMEOUT_S = 300
_NICER = 10
_MOST_MEMORY = 4 << 30  # address space; a program with 100,000 functions takes 0.2 GiB, with DWARF 0.4
_MOST_IMAGES = 64

_images: dict[tuple[str | int, ...], GoImage] = {}


def analyse_cached(path: str | Path) -> GoImage:
    """The image of the executable at `path`, analysed once per build in a child process of low priority.

    Two files are the same build when build ID, size and time of change are equal; without a build ID, when they are
    the same file. The image keeps its file open, so the path may vanish afterwards. Raises BinaryError as analyse().
    """
    key = _identity(path)
    image = _images.get(key)
    if image is None:
        image = _analyse_apart(str(path))
        image.functions.open()
        while len(_images) >= _MOST_IMAGES:
            del _images[next(iter(_images))]
        _images[key] = image
    return image


def serve(path: str) -> None:
    """The child: writes the pickled GoImage, or the BinaryError, to standard output."""
    from otelchan.gobinary.image import analyse  # here, because the agent itself needs none of what it imports

    os.nice(_NICER)
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    result: GoImage | BinaryError
    try:
        result = analyse(path)
    except BinaryError as error:
        result = error
    except MemoryError:
        result = BinaryError(f"{path} takes more than {_MOST_MEMORY >> 30} GiB to analyse; build it without debug data")
    sys.stdout.buffer.write(pickle.dumps(result))


def _identity(path: str | Path) -> tuple[str | int, ...]:
    with Elf(path) as elf:
        build_id = elf.build_id
    try:
        status = Path(path).stat()
    except OSError as error:
        raise BinaryError(f"{path} cannot be read: {error.strerror}; start again while it is there") from None
    changed = (status.st_size, status.st_mtime_ns)
    return (build_id, *changed) if build_id else (status.st_dev, status.st_ino, *changed)


def _analyse_apart(path: str) -> GoImage:
    command = [sys.executable, "-P", "-c", _CHILD, _ROOT, path]
    try:
        child = subprocess.run(command, check=False, capture_output=True, timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise BinaryError(
            f"{path} is not analysed after {_TIMEOUT_S} s; start again when the machine is less busy"
        ) from None
    if child.returncode < 0:
        name = signal.Signals(-child.returncode).name
        raise BinaryError(f"the analysis of {path} was ended by {name}; check free memory, and that the file is whole")
    if child.returncode > 0:
        raise RuntimeError(f"the analysis of {path} failed:\n{child.stderr.decode(errors='replace')}")
    result = pickle.loads(child.stdout)
    if isinstance(result, BinaryError):
        raise result
    if not isinstance(result, GoImage):
        raise RuntimeError(f"the analysis of {path} gave {result!r}")
    return result
