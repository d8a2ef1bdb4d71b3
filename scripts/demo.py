"""The demonstration: build tests/workloads/leaky, start it, let `otelchan findings` watch it, and check what it says.

    scripts/demo.sh [--duration S]

Exit status 0 only if the leak was found on the channel and at the line that the source has marked, and nothing else was
called a leak; 1 if not; 2 when something is missing here. It stops what it started and leaves nothing behind.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from otelchan.view.findings_text import print_findings
from otelchan.view.words import frame_of, place
from scripts.stack import StackError, find_go

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "tests" / "workloads" / "leaky" / "main.go"
MADE_MARKER, STUCK_MARKER = "// leak: the channel is made here", "// leak: the goroutines are stuck here"
KNOWN_GO = re.compile(r"go1\.(26|27)\b")
NEWEST_GO = "go1.27.3"
HEAD_START_S = 3.0  # some goroutines are stuck before anybody looks
WATCH_S = 40.0
PROGRESS_S = 10.0


class DemoError(Exception):
    """One sentence: what failed, and what to do."""


def main() -> int:
    """Run the demonstration; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--duration", type=float, default=WATCH_S, metavar="S", help="seconds to watch (default: 40)")
    duration = parser.parse_args().duration
    begin = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="otelchan-demo-") as folder:
            say(f"building the leaking program, {SOURCE.relative_to(ROOT)}")
            binary = build(Path(folder) / "leaky")
            with started(binary) as pid:
                say(f"it runs as pid {pid} and loses about four goroutines a second")
                time.sleep(HEAD_START_S)
                say(f"otelchan findings {pid} --duration {duration:g} --json   (attaches now)")
                document = watch(pid, duration)
            say("stopped it; this is what was found:\n")
            print_findings(document, sys.stdout)
    except (DemoError, StackError) as error:
        say(str(error))
        return 2
    except KeyboardInterrupt:
        say("interrupted; what was started is stopped")
        return 130
    faults = faults_of(document)
    for fault in faults:
        say(f"WRONG: {fault}")
    if not faults:
        made, stuck = marked_line(MADE_MARKER), marked_line(STUCK_MARKER)
        say(f"right: made at main.go:{made}, stuck at main.go:{stuck}, as the source has it marked")
    say(f"took {time.monotonic() - begin:.0f} s in all")
    return 1 if faults else 0


def say(text: str) -> None:
    """One progress line."""
    print(f"demo: {text}", flush=True)


def build(binary: Path) -> Path:
    """Compile the program with a release of Go that otelchan knows. Raises DemoError."""
    go = find_go()
    version = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=False).stdout
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false", "GOWORK": "off"}
    if not KNOWN_GO.match(version):
        environment["GOTOOLCHAIN"] = NEWEST_GO  # fetched from the module proxy
    done = subprocess.run(
        [go, "build", "-o", str(binary), "."],
        cwd=SOURCE.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise DemoError(f"{go} build failed, see what it says:\n{done.stderr.strip()}")
    return binary


@contextmanager
def started(binary: Path) -> Iterator[int]:
    """The program's pid while it runs; it is stopped by its pid, whatever happens. Raises DemoError."""
    with subprocess.Popen([binary], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as program:
        try:
            assert program.stdout is not None
            line = program.stdout.readline()
            if line != f"pid {program.pid}\n":
                raise DemoError(f"the program said {line!r} instead of its pid; run {SOURCE.parent} by hand")
            yield program.pid
        finally:
            program.terminate()


def watch(pid: int, duration_s: float) -> dict[str, Any]:
    """What `otelchan findings` says of the process. Raises DemoError when it cannot watch."""
    command = [sys.executable, "-m", "otelchan", "findings", str(pid), "--duration", f"{duration_s:g}", "--json"]
    begin = time.monotonic()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as program:
        while True:
            try:
                out, _ = program.communicate(timeout=PROGRESS_S)
                break
            except subprocess.TimeoutExpired:
                say(f"watching, {time.monotonic() - begin:.0f} s of {duration_s:g} s")
    if program.returncode not in (0, 1):
        raise DemoError(f"otelchan ended with status {program.returncode}; see above, and `.venv/bin/otelchan doctor`")
    document: dict[str, Any] = json.loads(out)
    return document


def faults_of(document: dict[str, Any]) -> list[str]:
    """What is wrong with the answer; empty when the leak, and only the leak, was found at the right lines."""
    made, stuck = f"main.go:{marked_line(MADE_MARKER)}", f"main.go:{marked_line(STUCK_MARKER)}"
    findings = [finding for process in document["processes"] for finding in process["findings"]]
    faults = []
    for finding in findings:
        site = place(frame_of(finding["site"])).rpartition(" ")[2]
        if (finding["made_at"], site) != (made, stuck):
            faults.append(f"{finding['id']} says made at {finding['made_at'] or '?'}, stuck at {site}")
    if not findings:
        faults.append(f"nothing was found; the leak is made at {made} and stuck at {stuck}")
    return faults


def marked_line(marker: str) -> int:
    """The number of the one line of the source with a marker."""
    lines = [number for number, line in enumerate(SOURCE.read_text().splitlines(), 1) if marker in line]
    if len(lines) != 1:
        raise DemoError(f"{SOURCE} has {len(lines)} lines with {marker!r}; one is needed")
    return lines[0]


if __name__ == "__main__":
    sys.exit(main())
