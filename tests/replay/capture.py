"""Records what the kernel side and memory said of one real run: `make golden` (root, uprobes).

The recording holds raw bytes of kernel maps and ring-buffer records, the channels that were read, and the frames of
every address in them, so that the pure stages can be replayed anywhere, without a kernel and without the program.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from otelchan.gobinary.image import analyse
from otelchan.kernel.session import Session
from otelchan.kernel.target import target_entry
from otelchan.kernel.types import decode_block
from otelchan.memory.census import take_census
from otelchan.memory.channels import read_channels
from otelchan.memory.live import LiveReader
from otelchan.model.stacks import walk
from otelchan.model.tables import Tables
from otelchan.plan.planner import make_plan
from tests.support.gobuild import build
from tests.support.shop import shop

TARGET_ID, EPOCH, RECORDS = 1, 1, 4
DATA = Path(__file__).parent / "data"


def capture(go: str) -> dict[str, Any]:
    """One run of the workload `shop`, watched from READY to its report."""
    binary = build("shop", go=go)
    image = analyse(binary)
    session = Session()
    with shop(binary, "-seed", "7") as program:
        plan = make_plan(image, TARGET_ID, f"/proc/{program.pid}/exe")
        entry = target_entry(image, 0)
        entry["span_threshold_ns"], entry["spans_allowed"] = 10_000_000, 1000
        entry["waits_epoch"] = entry["operations_epoch"] = EPOCH
        session.write_target(TARGET_ID, entry)
        for sites in plan.planes.values():
            session.attach(plan.path, [s.file_offset for s in sites], [s.cookie for s in sites], program.pid)
        program.go()
        truth = program.report()
        reader = LiveReader(program.pid)
        census = take_census(reader, image, 0)
        tables = {name: session.items(name) for name in Tables._fields}
        addresses = tables["channels"][0]["id"].tolist()
        channels = read_channels(reader, image.layout, image.globals, 0, addresses)
        records = session.drain()[:RECORDS]
    session.close()
    pcs = {pc for g in census.goroutines for pc in (*g.stack, g.created_at)}
    for block in map(decode_block, records):
        pcs |= {*walk(block.stack, block.sp, block.pc, block.bp)[0], *block.waker}
    pcs |= {key for key in tables["counts"][0]["id"].tolist() if not key >> 63}
    return {
        "go": go,
        "truth": truth["channels"],
        "tables": {name: [keys.tobytes().hex(), values.tobytes().hex()] for name, (keys, values) in tables.items()},
        "records": [record.hex() for record in records],
        "channels": [msgspec.to_builtins(channel) for channel in channels.values()],
        "census": msgspec.to_builtins(replace(census, memo=None)),
        "frames": {str(pc): [list(frame) for frame in image.functions.frames(pc)] for pc in sorted(pcs) if pc},
        "wait_reasons": {str(number): text for number, text in image.layout.wait_reasons.items()},
    }


def main() -> int:
    """Write one recording per supported release."""
    DATA.mkdir(exist_ok=True)
    for go in sys.argv[1:] or ("1.26.8", "1.27.3"):
        path = DATA / f"shop-go{go}.json"
        root = str(Path(__file__).parents[2])
        path.write_text(json.dumps(capture(go), indent=None, separators=(",", ":")).replace(root, "/src") + "\n")
        print(f"{path}: {path.stat().st_size} bytes", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
