"""analyse() in a child process, so that neither its memory nor its seconds are the agent's; results are kept."""

from __future__ import annotations

import os
import pickle
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import TypeVar

from otelchan.errors import BinaryError
from otelchan.gobinary.types import GoImage

_ROOT = str(Path(__file__).parents[2])
# -P and an explicit folder: the child imports this very package, and nothing from the current folder.
_CHILD = "import sys; sys.path.insert(0, sys.argv[1]); from otelchan.gobinary.analysis import serve; serve(sys.argv[2])"
# pyelftools and capstone are imported in the child only: 10 MB that the agent does not keep.
_TIMEOUT_S = 300
_NICER = 10
_MOST_MEMORY = 4 << 30  # address space; a program with 100,000 functions takes 0.2 GiB, with DWARF 0.4
_MOST_IMAGES = 64

_File = tuple[int, ...]  # device, inode, size, time of change
_Build = tuple[str, int, int]  # build ID, size, time of change: the same build, also as another file (a container's)
_images: dict[_File, GoImage] = {}
_builds: dict[_Build, GoImage] = {}


def analyse_cached(path: str | Path) -> GoImage:
    """The image of the executable at `path`, analysed once per build in a child process of low priority.

    Two files are the same build when build ID, size and time of change are equal; without a build ID, when they are
    the same file. The image keeps its file open, so the path may vanish afterwards. Raises BinaryError as analyse().
    """
    status = _stat(path)
    file = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    if file not in _images:
        image = _analyse_apart(str(path))
        image.functions.open()
        if image.build_id:
            _keep(_builds, (image.build_id, status.st_size, status.st_mtime_ns), image)
        _keep(_images, file, image)
    return _images[file]


def serve(path: str) -> None:
    """The child: writes the pickled GoImage, the _Build if it is one of those on standard input, or the BinaryError."""
    from otelchan.gobinary.elf import Elf
    from otelchan.gobinary.image import analyse

    os.nice(_NICER)
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    known: set[_Build] = pickle.load(sys.stdin.buffer)
    result: GoImage | _Build | BinaryError
    try:
        status = _stat(path)
        with Elf(path) as elf:
            result = (elf.build_id, status.st_size, status.st_mtime_ns)
        if result not in known:
            result = analyse(path)
    except BinaryError as error:
        result = error
    except MemoryError:
        result = BinaryError(f"{path} takes more than {_MOST_MEMORY >> 30} GiB to analyse; build it without debug data")
    sys.stdout.buffer.write(pickle.dumps(result))


def _stat(path: str | Path) -> os.stat_result:
    try:
        return Path(path).stat()
    except OSError as error:
        raise BinaryError(
            f"{path} cannot be opened: {error.strerror}; give the path of a readable Go executable"
        ) from None


_Key = TypeVar("_Key", _File, _Build)


def _keep(images: dict[_Key, GoImage], key: _Key, image: GoImage) -> None:
    """The newest few only: each keeps its file open."""
    while len(images) >= _MOST_IMAGES:
        del images[next(iter(images))]
    images[key] = image


def _analyse_apart(path: str) -> GoImage:
    known = pickle.dumps(set(_builds))
    command = [sys.executable, "-P", "-c", _CHILD, _ROOT, path]
    try:
        child = subprocess.run(command, check=False, input=known, capture_output=True, timeout=_TIMEOUT_S)
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
    if isinstance(result, tuple):
        return _builds[result]
    if not isinstance(result, GoImage):
        raise RuntimeError(f"the analysis of {path} gave {result!r}")
    return result
