"""Records real runs of the workload `shop` with the product's own recorder: `make golden` (root, uprobes).

A recording is kept as text (base64 of the file that `otelchan record` writes) beside the program's own report of what
it did, so that everything from the kernel's maps and the program's memory on can be played anywhere.
"""

from __future__ import annotations

import base64
import gzip
import json
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from otelchan.cli import make_parser
from otelchan.commands.common import config_of
from otelchan.commands.record import record
from otelchan.model.types import Snapshot
from otelchan.target.process import by_pid
from tests.support.gobuild import SUPPORTED_GO, build
from tests.support.shop import shop

DATA = Path(__file__).parent / "data"
ROOT = str(Path(__file__).parents[2])
INTERVAL_S, AT_MOST_S = 1.0, 120.0


def capture(go: str, path: Path) -> dict[str, Any]:
    """One run of `shop`, recorded from READY to a while after its last word; returns its report."""
    config = config_of(make_parser().parse_args(["record", "1", "-o", str(path)]), interval_s=INTERVAL_S)
    stop, attached = threading.Event(), threading.Event()

    def see(snapshot: Snapshot) -> None:
        if {*snapshot.planes.values()} == {"on"}:
            attached.set()

    with shop(build("shop", go=go), "-seed", "7") as program:
        process = by_pid(program.pid)
        recording = threading.Thread(
            target=record, args=(process, config, str(path), stop, AT_MOST_S), kwargs={"publish": see}
        )
        recording.start()
        assert attached.wait(AT_MOST_S)
        program.go()
        truth = program.report()
        time.sleep(2 * INTERVAL_S)
        stop.set()
        recording.join()
    return truth


def as_text(recording: bytes) -> str:
    """Base64, with this clone's folder replaced."""
    moved = gzip.compress(gzip.decompress(recording).replace(ROOT.encode(), b"/src"), mtime=0)
    return base64.encodebytes(moved).decode()


def main() -> int:
    """Write one recording per supported release."""
    DATA.mkdir(exist_ok=True)
    for go in sys.argv[1:] or SUPPORTED_GO:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "shop.rec"
            truth = capture(go, path)
            text = as_text(path.read_bytes())
        (DATA / f"shop-go{go}.rec.b64").write_text(text)
        (DATA / f"shop-go{go}.truth.json").write_text(json.dumps(truth, indent=1) + "\n")
        print(f"shop-go{go}.rec.b64: {len(text)} bytes", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
