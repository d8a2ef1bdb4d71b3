"""A dump of all stacks when goroutines surge, in a folder that is bounded. Composition, as agent is.

A child reads the program once more and writes: what the loop has looked at may be older (looks.py), and however many
goroutines there are, the loop neither waits nor shares the interpreter with that.
"""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import threading
from collections import Counter, deque
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from otelchan import clock
from otelchan.config import Config, dump_folder, environment
from otelchan.errors import MemoryGone, OtelchanError, TargetError
from otelchan.files import NEW, own_folder, whole_file
from otelchan.gobinary.imagecodec import pack, unpack
from otelchan.gobinary.types import GoImage
from otelchan.target.process import by_pid
from otelchan.target.types import Process
from otelchan.view.words import count, moment

if TYPE_CHECKING:
    from otelchan.commands.looking import Look

log = logging.getLogger("otelchan")

SUFFIX = ".txt.gz"
MOST_WAITING = 16  # programs that surge while a dump is written
_ROOT = str(Path(__file__).parents[1])
_CHILD = """
import os, sys
os.environ["OPENBLAS_NUM_THREADS"] = "1"
sys.path.insert(0, sys.argv[1])
from otelchan.dumps import serve
serve(sys.argv[2])
"""
_TIMEOUT_S = 300
_LAST_S = 10.0  # for a dump that is being written when the agent ends
_NICER = 5
_PIECE = 1 << 16  # characters
_ROOM = 1 << 17  # bytes that the compressor may still hold, and the last line
_MOST_PROGRAMS = 10_000  # whose last dump is remembered


class Order(NamedTuple):
    """What the child is to do."""

    pid: int
    start_ticks: int
    folder: str
    name: str
    most_files: int
    most_bytes: int


class Dumps:
    """Those of one agent. written, left_out: so far, the latter by reason; from any thread."""

    def __init__(self, config: Config) -> None:
        self.written = 0
        self.left_out: Counter[str] = Counter()
        self._last_ns: dict[tuple[int, int], int] = {}
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Order, GoImage]] = deque()
        self._writer: threading.Thread | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self.reconfigure(config)

    def reconfigure(self, config: Config) -> None:
        """These settings from now on."""
        self._settings, self._folder = config.dumps, dump_folder(config, environment())

    def take(self, process: Process, image: GoImage) -> None:
        """A surge began in that program: write a dump, unless there is a reason not to. Does not wait."""
        if self._folder is None:
            return
        key, now = (process.pid, process.start_ticks), clock.monotonic_ns()
        last = self._last_ns.get(key)
        if last is not None and now - last < self._settings.pause_s * 1e9:
            self._leave_out(process.pid, "too_soon", "one was asked for a moment ago (dumps.pause_s)")
            return
        if len(self._waiting) >= MOST_WAITING:
            self._leave_out(process.pid, "busy", f"those of {MOST_WAITING} other programs go first")
            return
        if len(self._last_ns) >= _MOST_PROGRAMS:
            self._last_ns.clear()
        self._last_ns[key] = now
        name = _name(process, clock.unix_ns())
        order = Order(*key, str(self._folder), name, self._settings.files, self._settings.bytes)
        with self._lock:
            self._waiting.append((order, image))
            if self._writer is None:
                self._writer = threading.Thread(target=self._work, name="dump", daemon=True)
                self._writer.start()

    def close(self) -> None:
        """Let dumps that are being written become whole, for some seconds."""
        writer = self._writer
        if writer is not None:
            writer.join(_LAST_S)
        self._waiting.clear()
        if self._child is not None and self._child.poll() is None:
            self._child.kill()

    def _work(self) -> None:
        """One dump after the other: two at a time would only take longer, and programs often surge together."""
        while True:
            with self._lock:
                if not self._waiting:
                    self._writer = None
                    return
                order, image = self._waiting.popleft()
            self._write(order, image)

    def _write(self, order: Order, image: GoImage) -> None:
        command = [sys.executable, "-P", "-c", _CHILD, _ROOT, json.dumps(order)]
        pipe = subprocess.PIPE
        try:
            with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as child:
                self._child = child
                try:
                    out, err = child.communicate(pack(image), _TIMEOUT_S)
                finally:
                    child.kill()
            said = json.loads(out) if out else {"reason": "failed", "why": f"its writer failed: {err.decode()[-500:]}"}
        except Exception as error:  # nobody else would hear of it: this is the thread's end
            said = {"reason": "failed", "why": f"its writer failed: {error}"}
        self._say(order.pid, said)

    def _say(self, pid: int, said: dict[str, Any]) -> None:
        if "file" not in said:
            self._leave_out(pid, said["reason"], said["why"])
            return
        self.written += 1
        cut = f", {count(said['left_out'], 'goroutine')} more had no room (dumps.bytes)" if said["left_out"] else ""
        many = count(said["goroutines"], "goroutine")
        log.warning("pid %d: goroutines surge: the stacks of %s are in %s%s", pid, many, said["file"], cut)

    def _leave_out(self, pid: int, reason: str, why: str) -> None:
        self.left_out[reason] += 1
        log.warning("pid %d: goroutines surge, and no dump is written: %s", pid, why)


def _name(process: Process, unix_ns: int) -> str:
    """When, who, and what: 20261121T190211.123Z-4711-shop.txt.gz."""
    when = moment(unix_ns).replace("-", "").replace(":", "").rstrip("Z")
    program = re.sub(r"[^A-Za-z0-9._+-]", "_", Path(process.executable).name)[:100]
    return f"{when}.{unix_ns // 1_000_000 % 1000:03}Z-{process.pid}-{program}{SUFFIX}"


# --- the child ----------------------------------------------------------------------------------------------------


def serve(order: str) -> None:
    """The child: reads a packed image from its input, looks at the program, writes the dump, and says what it did."""
    os.nice(_NICER)
    print(json.dumps(_answer(Order(*json.loads(order)), sys.stdin.buffer.read())))


def _answer(order: Order, packed: bytes) -> dict[str, Any]:
    try:
        with own_folder(Path(order.folder), create=True) as folder:
            there = [path for path in Path(f"/proc/self/fd/{folder}").iterdir() if not _is_remainder(path)]
            taken = sum(path.name.endswith((SUFFIX, NEW)) for path in there)
            if taken >= order.most_files:
                why = f"{order.folder} has {count(taken, 'dump')} already (dumps.files); move them elsewhere"
                return {"reason": "full", "why": why}
            return {"file": f"{order.folder}/{order.name}", **_dump(order, _look(order, packed), folder)}
    except (TargetError, MemoryGone) as error:
        return {"reason": "gone", "why": str(error)}
    except (OtelchanError, ValueError) as error:
        return {"reason": "failed", "why": str(error)}
    except OSError as error:
        return {"reason": "folder", "why": f"{order.folder} cannot be used: {error.strerror or error}"}


def _is_remainder(path: Path) -> bool:
    """Half a dump of a writer that was killed long ago: it is removed, or it would keep a place for ever."""
    if not path.name.endswith(NEW) or f"{SUFFIX}." not in path.name:
        return False
    with suppress(FileNotFoundError):
        if clock.unix_ns() - path.lstat().st_mtime_ns < 2 * _TIMEOUT_S * 1e9:
            return False
        path.unlink()
    return True


def _look(order: Order, packed: bytes) -> Look:
    from otelchan.commands.looking import look_at_process  # in the child only: the agent shall not pay for it

    process = by_pid(order.pid)
    if process.start_ticks != order.start_ticks:
        raise TargetError(f"process {order.pid} has ended; look for its successor")
    try:
        status = Path(process.open_path).stat()
    except OSError as error:
        raise TargetError(f"the executable of process {order.pid} is gone: {error.strerror}") from error
    return look_at_process(process, unpack(packed, process.open_path, status.st_size, status.st_mtime_ns))


def _dump(order: Order, look: Look, folder: int) -> dict[str, int]:
    """How many goroutines are in the dump, and how many have no room in it."""
    import gzip

    from otelchan.view.goroutines_text import goroutine_texts

    written = left_out = 0
    waiting: list[str] = []
    size = 0
    path = f"/proc/self/fd/{folder}/{order.name}"
    with (
        whole_file(path, replace=False, mode=0o600) as file,
        gzip.GzipFile(fileobj=file, mode="wb", compresslevel=6, filename="") as packed,
    ):
        for text in goroutine_texts(look.image, look.census):
            if left_out or file.tell() + _ROOM > order.most_bytes:
                left_out += 1
                continue
            waiting.append(text)
            written, size = written + 1, size + len(text)
            if size >= _PIECE:
                packed.write("".join(waiting).encode())
                waiting, size = [], 0
        packed.write("".join(waiting).encode())
        if left_out:
            packed.write(f"\n{count(left_out, 'goroutine')} more had no room\n".encode())
    return {"goroutines": written, "left_out": left_out}
